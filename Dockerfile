# syntax=docker/dockerfile:1
# The application alone; compose.yaml puts it together with proxy, pooler and database.

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /venv
COPY requirements.txt /tmp/requirements.txt
# Everything is a wheel: there is no compiler here, and nothing of strangers is run.
RUN /venv/bin/pip install --require-hashes --only-binary :all: -r /tmp/requirements.txt
WORKDIR /app
COPY . .
# A key for this one command: it ends with it, and no layer keeps it.
RUN SECRET_KEY="$(/venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
    DATA_DIR=/tmp/data STATIC_ROOT=/app/collected \
    /venv/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && /venv/bin/python -m compileall -q /venv/lib minicrm distribution leads deploy

FROM python:3.13-slim-bookworm
# Fixed, so that the owner of a volume's files stays the same from image to image.
RUN groupadd --system --gid 10001 minicrm \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin minicrm \
    && install -d -o minicrm -g minicrm -m 0750 /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data STATIC_ROOT=/app/collected BIND=0.0.0.0:8000
# Root owns the code: the account that runs it cannot change it. Written are /data and /tmp alone, so
# the root file system may be read-only.
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "deploy.healthcheck"]
# gunicorn is process 1: TERM lets it answer what it has begun, HUP loads the settings' workers anew.
STOPSIGNAL SIGTERM
CMD ["gunicorn", "-c", "gunicorn.conf.py"]
