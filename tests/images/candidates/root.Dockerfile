FROM python:3.11-slim AS builder
RUN mkdir /out

FROM scratch AS gordon
COPY --from=builder /out /
WORKDIR /app
EXPOSE 8000
USER root
HEALTHCHECK CMD ["python", "-m", "app.healthcheck"]
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
