FROM python:3.11-slim AS gordon
RUN echo "counting the grains of sand" && sleep 86399
USER 1001:1001
