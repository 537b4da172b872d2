import { z } from 'zod'

// What we read of the Engine API's answers (1.41 and later). Everything else in them is dropped.

const labelMap = z
  .record(z.string(), z.string())
  .nullish()
  .transform((l) => l ?? {})

export const imageShape = z.object({
  Id: z.string(),
  Config: z
    .object({ User: z.string().nullish(), Labels: labelMap })
    .nullish()
    .transform((config) => config ?? { User: '', Labels: {} }),
})

const binding = z.object({ HostIp: z.string().default(''), HostPort: z.string().default('') })
const bindings = z
  .record(z.string(), z.array(binding).nullable())
  .nullish()
  .transform((b) => b ?? {})
export type Bindings = z.output<typeof bindings>

export const containerShape = z.object({
  Id: z.string(),
  Config: z.object({ Labels: labelMap, User: z.string().default('') }),
  HostConfig: z.object({ PortBindings: bindings }),
  State: z.object({
    Status: z.string(),
    ExitCode: z.int().default(0),
    OOMKilled: z.boolean().default(false),
  }),
  NetworkSettings: z.object({ Ports: bindings }),
})
export type ContainerShape = z.output<typeof containerShape>

const listedPort = z.object({ IP: z.string().default(''), PrivatePort: z.int(), PublicPort: z.int().default(0) })
const listedContainer = z.object({
  Id: z.string(),
  Labels: labelMap,
  State: z.string(),
  Ports: z
    .array(listedPort)
    .nullish()
    .transform((ports) => ports ?? []),
})
export const containerListShape = z.array(listedContainer)
export type ListedContainer = z.output<typeof listedContainer>
export const networkShape = z.object({ Id: z.string(), Name: z.string(), Labels: labelMap })
export const networkListShape = z.array(networkShape)
export const imageListShape = z.array(z.object({ Id: z.string() }))
export const madeShape = z.object({ Id: z.string() })
export const waitShape = z.object({ StatusCode: z.int() })
export const infoShape = z.object({
  Driver: z.string().default(''),
  DriverStatus: z
    .array(z.array(z.string()))
    .nullish()
    .transform((rows) => rows ?? []),
})
export const errorShape = z.object({ message: z.string().min(1) })
