FROM python:3.11-slim AS builder
COPY . /project
RUN test ! -e /project/.env && test ! -e /project/.git && test ! -e /project/tests && test -e /project/src

FROM scratch AS gordon
COPY --from=builder /etc/passwd /etc/passwd
COPY --from=builder /project/requirements.txt /
USER 1001:1001
