FROM python:3.11-slim AS gordon
COPY . /project
RUN test ! -e /project/.env && test ! -e /project/.git && test ! -e /project/tests && test -e /project/backend/src
USER 1001:1001
