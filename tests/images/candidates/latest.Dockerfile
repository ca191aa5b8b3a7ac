FROM python:latest AS gordon
WORKDIR /app
USER 1001:1001
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
