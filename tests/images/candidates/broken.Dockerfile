FROM python:3.11-slim AS gordon
WORKDIR /app
RUN echo "this is how far it comes" && python -c "import nothing_of_the_kind"
USER 1001:1001
