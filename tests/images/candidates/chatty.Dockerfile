FROM python:3.11-slim AS gordon
RUN python -c "while True: print('all work and no play ' * 1000)"
USER 1001:1001
