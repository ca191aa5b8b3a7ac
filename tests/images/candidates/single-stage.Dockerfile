FROM python:3.11-slim
COPY src requirements.txt /app/
WORKDIR /app
RUN pip --version
USER 1001:1001
EXPOSE 8000
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
