FROM scratch AS gordon
ENV BETTER_AUTH_SECRET=4f1c0a9be27d4f0c8d1e6b5a7c3f2e10
WORKDIR /app
USER 1001:1001
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
