FROM scratch AS gordon
WORKDIR /app
USER 1001:1001
HEALTHCHECK --interval=30s --timeout=10s --start-period=40s --retries=3 \
    CMD ["curl", "--fail", "http://localhost:8000/health"]
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
