import { z } from 'zod'
import { identifier } from './fields.ts'

const matching = (pattern: RegExp) => z.string().regex(pattern, { error: `must match ${pattern.source}` })
const line = (max: number) => z.string().trim().min(1).max(max)
const name = matching(/^[a-z][a-z0-9_-]{0,31}$/)
const variable = matching(/^(?!CARREL_)[A-Za-z_][A-Za-z0-9_]{0,127}$/)
const path = matching(/^\/[\x21-\x7e]{0,999}$/)
const port = z.int().min(1).max(65_535)
const amount = z.int().min(0).max(2_147_483_647)
const day = 86_400
const seconds = (days: number) =>
  z
    .int()
    .min(1)
    .max(days * day)
const posixId = z.int().min(0).max(4_294_967_294)

const labels = { env: variable.exactOptional(), title: line(200).exactOptional() }
const parameter = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('string'),
    default: z.string().max(1_000).exactOptional(),
    enum: z.array(z.string().max(1_000)).min(1).max(200).exactOptional(),
    maxLength: z.int().min(1).max(1_000).exactOptional(),
    secret: z.boolean().exactOptional(),
    ...labels,
  }),
  z.strictObject({
    type: z.enum(['integer', 'number']),
    default: z.number().exactOptional(),
    min: z.number().exactOptional(),
    max: z.number().exactOptional(),
    enum: z.array(z.number()).min(1).max(200).exactOptional(),
    ...labels,
  }),
  z.strictObject({ type: z.literal('boolean'), default: z.boolean().exactOptional(), ...labels }),
])

const door = z.strictObject({
  protocol: z.enum(['http', 'vnc', 'rdp', 'ssh']),
  port,
  modes: z
    .array(z.enum(['control', 'view']))
    .min(1)
    .max(2),
  path: path.exactOptional(),
})

const readiness = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('tcp'), port }),
  z.strictObject({ kind: z.literal('http'), port, path, status: z.int().min(100).max(599) }),
  z.strictObject({ kind: z.literal('log'), pattern: z.string().min(1).max(200) }),
])

const visible = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('everyone') }),
  z.strictObject({ kind: z.literal('organisation'), organisation: line(200) }),
  z.strictObject({ kind: z.literal('group'), group: line(100) }),
  z.strictObject({ kind: z.literal('project'), projectId: identifier }),
  z.strictObject({ kind: z.literal('account'), accountId: identifier }),
])

const mount = z.strictObject({
  kind: z.enum(['dataset', 'workspace', 'experiment']),
  modes: z
    .array(z.enum(['ro', 'rw']))
    .min(1)
    .max(2),
})

const size = z.strictObject({ cpuMilli: amount.min(1), memoryMib: amount.min(1), diskMib: amount, gpus: amount })

const spec = z.strictObject({
  title: line(200),
  description: z.string().trim().max(4_000),
  provider: z.union([z.strictObject({ id: identifier }), z.strictObject({ kind: name })]),
  image: matching(/^[\x21-\x7e]{1,500}$/),
  command: z.array(z.string().max(4_000)).min(1).max(100).nullable().default(null),
  environment: z.record(variable, z.string().max(4_000)).default({}),
  user: z
    .union([z.literal('account'), z.strictObject({ uid: posixId, gid: posixId })])
    .nullable()
    .default(null),
  capabilities: z
    .array(matching(/^[A-Z_]{1,40}$/))
    .max(40)
    .default([]),
  sizes: z.record(name, size),
  defaultSize: z.string(),
  parameters: z.record(name, parameter).default({}),
  doors: z.record(matching(/^[a-z][a-z0-9]{0,15}$/), door),
  readiness,
  mounts: z.array(mount).max(3).default([]),
  egress: z.enum(['none', 'internet', 'site']),
  startLimitSeconds: seconds(1),
  queueLimitSeconds: seconds(30).default(day),
  lifetimeSeconds: seconds(365),
  idleTimeoutSeconds: seconds(365).nullable().default(null),
  visibleTo: z.array(visible).min(1).max(200),
})

/**
 * A template as the site configures it: field by field what the API takes, with the same defaults. That its type is the
 * one that templates have is checked where it is used; whether its parts fit together is asked there, too.
 */
export const template = z.strictObject({ name: matching(/^[a-z][a-z0-9-]{0,62}$/), spec })
