import { z } from 'zod'

// What we read of the answers of the core API (v1). Everything else in them is dropped.

const listOf = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((items) => items ?? [])
const textMap = z
  .record(z.string(), z.string())
  .nullish()
  .transform((map) => map ?? {})

const metadata = z.object({
  name: z.string(),
  namespace: z.string().default(''),
  uid: z.string(),
  resourceVersion: z.string().optional(),
  labels: textMap,
  annotations: textMap,
  creationTimestamp: z.string().nullish(),
  /** When its grace is over, not when that was asked for. */
  deletionTimestamp: z.string().optional(),
  deletionGracePeriodSeconds: z.number().nullish(),
})

/** Any object, as far as its metadata go. */
export const objectShape = z.object({ metadata })
export type AnyObject = z.output<typeof objectShape>

const page = { metadata: z.object({ continue: z.string().default('') }) }
export const objectListShape = z.object({ ...page, items: listOf(objectShape) })
export const itemsShape = <T extends z.ZodType>(item: T) => z.object({ ...page, items: listOf(item) })

const terminated = z.object({
  exitCode: z.int(),
  reason: z.string().default(''),
  message: z.string().default(''),
  finishedAt: z.string().nullish(),
})
export type Terminated = z.output<typeof terminated>
const containerState = z.object({
  waiting: z.object({ reason: z.string().default(''), message: z.string().default('') }).optional(),
  running: z.object({}).optional(),
  terminated: terminated.optional(),
})
const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(''),
  message: z.string().default(''),
  lastTransitionTime: z.string().nullish(),
})
export const podShape = z.object({
  metadata,
  spec: z.object({
    terminationGracePeriodSeconds: z.number().default(30),
    containers: z.array(z.object({ name: z.string(), ports: listOf(z.object({ containerPort: z.int() })) })),
  }),
  status: z.object({
    phase: z.string().default('Pending'),
    reason: z.string().default(''),
    message: z.string().default(''),
    podIP: z.string().optional(),
    conditions: listOf(condition),
    containerStatuses: listOf(z.object({ name: z.string(), state: containerState.default({}) })),
  }),
})
export type Pod = z.output<typeof podShape>

export const serviceShape = z.object({
  metadata,
  spec: z.object({
    clusterIP: z.string().default(''),
    ports: listOf(z.object({ port: z.int() })),
  }),
})
export type Service = z.output<typeof serviceShape>

/** A Secret of ours, with what it holds, in base64. */
export const ownerShape = z.object({ metadata, data: textMap })
export type Owner = z.output<typeof ownerShape>

export const eventListShape = z.object({
  items: listOf(
    z.object({
      type: z.string().default(''),
      reason: z.string().default(''),
      message: z.string().default(''),
      firstTimestamp: z.string().nullish(),
      eventTime: z.string().nullish(),
      lastTimestamp: z.string().nullish(),
    }),
  ),
})
export type Event = z.output<typeof eventListShape>['items'][number]
