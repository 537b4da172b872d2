import { z } from 'zod'
import { defaultRetention } from '../../domain/retention.ts'
import { address, flag, identifier, json, jsonFile, listOf, origin, port, urlOf, wholeNumber } from './fields.ts'
import { doorsPart, gatewayPart } from './gateway.ts'
import { cataloguesPart, dataRoot, experimentsPart } from './catalogue.ts'
import { desktopsPart, guacamolePart } from './guacamole.ts'
import { issuersPart } from './issuers.ts'
import { keys } from './keys.ts'
import { invitationsPart, mailPart } from './mail.ts'
import { posixPart } from './posix.ts'
import { providerNetworksPart } from './provider-networks.ts'
import { providersPart } from './providers.ts'
import { reportsPart } from './reports.ts'
import { retention } from './retention.ts'
import { storageSource } from './storage-sources.ts'
import { userOfficePart } from './user-office.ts'

const webUrl = (expected: string) => urlOf(['http', 'https'], expected)
const limit = z.int().min(0).nullable()
const limits = z
  .strictObject({ sessions: limit, cpuMilli: limit, memoryMib: limit, diskMib: limit, gpus: limit })
  .partial()
const quotaDefaults = z.strictObject({ account: limits, project: limits, provider: limits }).partial()
/** The spec is checked where its schema is: by the bootstrap, with the one of the API. */
const template = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, { error: 'must match [a-z][a-z0-9-]{0,62}' }),
  spec: z.record(z.string(), z.unknown()),
})
/** Names that Temporal joins with a dot: only the part behind it may hold one. */
const versionName = (pattern: RegExp) => z.string().regex(pattern, { error: `must match ${pattern.source}` })
const role = z.string().regex(/^(core|access|mail|provider\/(\*|[a-z][a-z0-9]{1,25}))$/, {
  error: 'must be core, access, mail, provider/* or provider/<id>',
})

/** What every process has. */
export const basePart = z
  .object({
    CARREL_ENV: z
      .enum(['development', 'production'], { error: 'must be development or production' })
      .default('production'),
    CARREL_LOG_LEVEL: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
        error: 'must be trace, debug, info, warn, error, fatal or silent',
      })
      .default('info'),
  })
  .transform((env) => ({ environment: env.CARREL_ENV, logLevel: env.CARREL_LOG_LEVEL }))

const apiPart = z
  .object({
    CARREL_ENV: z.string().default('production'),
    CARREL_API_HOST: z.string().default('127.0.0.1'),
    CARREL_API_PORT: port.default(8080),
    CARREL_PUBLIC_URL: webUrl('http(s)://host[:port]').optional(),
    CARREL_CORS_ORIGINS: listOf(origin).default([]),
    CARREL_CODEC_CAPABILITY: z
      .string()
      .regex(/^[A-Za-z0-9_-]{32,128}$/, { error: 'must be 32 to 128 random characters of A-Z a-z 0-9 _ -' })
      .optional(),
    CARREL_DIRECT_DOORS: flag.default(false),
    CARREL_RATE_LIMIT_PER_MINUTE: wholeNumber(1, 1_000_000).default(600),
    CARREL_DRAIN_MS: wholeNumber(0, 60_000).default(500),
  })
  .superRefine((env, context) => {
    if (env.CARREL_DIRECT_DOORS && env.CARREL_ENV !== 'development')
      context.addIssue({ code: 'custom', path: ['CARREL_DIRECT_DOORS'], message: 'must be false outside development' })
  })
  .transform((env) => ({
    host: env.CARREL_API_HOST,
    port: env.CARREL_API_PORT,
    publicUrl: env.CARREL_PUBLIC_URL ?? `http://${env.CARREL_API_HOST}:${env.CARREL_API_PORT}`,
    corsOrigins: env.CARREL_CORS_ORIGINS,
    codecCapability: env.CARREL_CODEC_CAPABILITY ?? null,
    directDoors: env.CARREL_DIRECT_DOORS,
    rateLimitPerMinute: env.CARREL_RATE_LIMIT_PER_MINUTE,
    /** From the moment that readiness says no to the last new connection: whoever balances load must notice. */
    drainMs: env.CARREL_DRAIN_MS,
  }))

const proxyNames = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const
const proxyVariables = {
  http_proxy: z.string().optional(),
  https_proxy: z.string().optional(),
  no_proxy: z.string().optional(),
  HTTP_PROXY: z.string().optional(),
  HTTPS_PROXY: z.string().optional(),
  NO_PROXY: z.string().optional(),
}

const toolsPart = z
  .object({
    PATH: z.string().default(''),
    HOME: z.string().optional(),
    XDG_CACHE_HOME: z.string().optional(),
    CI: z.string().optional(),
    NO_COLOR: z.string().optional(),
    TEMPORAL_CLI_PATH: z.string().optional(),
    DOCKER_HOST: z.string().optional(),
    DOCKER_TLS_VERIFY: z.string().optional(),
    DOCKER_CERT_PATH: z.string().optional(),
    CARREL_STATE_DIRECTORY: z.string().optional(),
    CARREL_EXTRA_CA: z.string().optional(),
    NODE_EXTRA_CA_CERTS: z.string().optional(),
    SSL_CERT_FILE: z.string().optional(),
    PIP_CERT: z.string().optional(),
    ...proxyVariables,
  })
  .transform((env) => ({
    path: env.PATH,
    home: env.HOME,
    cacheHome: env.XDG_CACHE_HOME,
    isCi: env.CI !== undefined && env.CI !== 'false' && env.CI !== '0',
    noColor: env.NO_COLOR !== undefined,
    temporalCliPath: env.TEMPORAL_CLI_PATH,
    docker: { host: env.DOCKER_HOST, tlsVerify: env.DOCKER_TLS_VERIFY, certPath: env.DOCKER_CERT_PATH },
    stateDirectory: env.CARREL_STATE_DIRECTORY,
    /** The machine's proxies, as an image build takes them. */
    proxies: Object.fromEntries(
      proxyNames.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const])),
    ),
    /** Files that may hold an extra certificate authority, the first that exists counts. */
    extraCaFiles: [
      env.CARREL_EXTRA_CA,
      env.NODE_EXTRA_CA_CERTS,
      env.SSL_CERT_FILE,
      env.PIP_CERT,
      '/etc/ssl/certs/ca-certificates.crt',
    ].filter((file) => file !== undefined),
  }))

/** What a process may ask for, each with the variables it is read from. */
export const parts = {
  database: z
    .object({ CARREL_DATABASE_URL: urlOf(['postgres', 'postgresql'], 'postgres://user:password@host:port/database') })
    .transform((env) => ({ url: env.CARREL_DATABASE_URL })),
  temporal: z
    .object({
      CARREL_TEMPORAL_ADDRESS: address,
      CARREL_TEMPORAL_NAMESPACE: z.string().default('carrel'),
      CARREL_TEMPORAL_UI_URL: webUrl('http(s)://host[:port]').optional(),
    })
    .transform((env) => ({
      address: env.CARREL_TEMPORAL_ADDRESS,
      namespace: env.CARREL_TEMPORAL_NAMESPACE,
      uiUrl: env.CARREL_TEMPORAL_UI_URL ?? null,
    })),
  keys: z.object({ CARREL_KEYS: keys }).transform((env) => env.CARREL_KEYS),
  api: apiPart,
  doors: doorsPart,
  gateway: gatewayPart,
  desktops: desktopsPart,
  guacamole: guacamolePart,
  mail: mailPart,
  invitations: invitationsPart,
  issuers: issuersPart,
  posix: posixPart,
  userOffice: userOfficePart,
  providers: providersPart,
  providerNetworks: providerNetworksPart,
  reports: reportsPart,
  experiments: experimentsPart,
  catalogues: cataloguesPart,
  seed: z
    .object({
      CARREL_TEMPLATES_FILE: jsonFile(z.array(template)).optional(),
      CARREL_QUOTA_DEFAULTS: json(quotaDefaults).optional(),
      CARREL_STORAGE_SOURCES_FILE: jsonFile(z.array(storageSource)).optional(),
      CARREL_DATA_ROOTS_FILE: jsonFile(z.array(dataRoot)).optional(),
    })
    .transform((env) => ({
      templates: env.CARREL_TEMPLATES_FILE ?? [],
      quotaDefaults: env.CARREL_QUOTA_DEFAULTS ?? {},
      storageSources: env.CARREL_STORAGE_SOURCES_FILE ?? [],
      dataRoots: env.CARREL_DATA_ROOTS_FILE ?? [],
    })),
  worker: z
    .object({
      CARREL_WORKER_ROLES: listOf(role).default(['core', 'provider/*']),
      CARREL_METRICS_HOST: z.string().default('127.0.0.1'),
      CARREL_METRICS_PORT: port.optional(),
      CARREL_WEAK_ISOLATION_ALLOWED: listOf(identifier).default([]),
      CARREL_WORKER_DEPLOYMENT: versionName(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/).default('carrel'),
      CARREL_WORKER_BUILD_ID: versionName(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/).optional(),
      CARREL_INACTIVE_PATCHES: listOf(versionName(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)).default([]),
      CARREL_WORKFLOW_BUNDLE: z.string().optional(),
      CARREL_RETENTION: json(retention).optional(),
    })
    .transform((env) => ({
      roles: env.CARREL_WORKER_ROLES,
      deployment: env.CARREL_WORKER_DEPLOYMENT,
      /** `null`: a worker without a version. */
      version:
        env.CARREL_WORKER_BUILD_ID === undefined
          ? null
          : { deploymentName: env.CARREL_WORKER_DEPLOYMENT, buildId: env.CARREL_WORKER_BUILD_ID },
      inactivePatches: env.CARREL_INACTIVE_PATCHES,
      metricsHost: env.CARREL_METRICS_HOST,
      metricsPort: env.CARREL_METRICS_PORT ?? null,
      /** Where this build's workflows lie bundled; without it they are bundled at the start. */
      workflowBundle: env.CARREL_WORKFLOW_BUNDLE ?? null,
      retention: env.CARREL_RETENTION ?? defaultRetention,
      /** Providers that may run outside development though they keep sessions apart only in part. */
      weakIsolationAllowedFor: env.CARREL_WEAK_ISOLATION_ALLOWED,
    })),
  /** Names of timings and milliseconds; whoever knows the names checks them. */
  timings: z
    .object({ CARREL_TIMINGS: json(z.record(z.string(), z.int().min(0))).optional() })
    .transform((env) => env.CARREL_TIMINGS ?? {}),
  tools: toolsPart,
  /** What the embedded stack takes from its surroundings; a port is a free one unless it is named. */
  stack: z
    .object({ CARREL_API_PORT: port.optional(), CARREL_TEMPORAL_UI_PORT: port.optional() })
    .transform((env) => ({ apiPort: env.CARREL_API_PORT, temporalUiPort: env.CARREL_TEMPORAL_UI_PORT })),
} as const
