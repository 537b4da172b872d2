import { isAbsolute } from 'node:path'
import { z } from 'zod'

const absolutePath = z.string().max(1_000).refine(isAbsolute, 'an absolute path')
const environment = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(10_000))

/** A local command under a name: what a template calls its image. */
const localCommand = z.strictObject({
  /** The words of the command; `{port}`, `{home}` and `{secretFile}` are replaced. The first is an absolute path or found in the system's own directories. */
  command: z.array(z.string().min(1).max(4_000)).min(1).max(100),
  environment: environment.default({}),
  /** Whether a template may give its own command line in place of this one. Off: what runs is what is written here. */
  anyCommand: z.boolean().default(false),
  /** Directories outside the system's own that the command reads: shown read-only inside the sandbox. */
  readable: z.array(absolutePath).max(20).default([]),
})

/**
 * Settings of a `process` provider. They name commands and paths of this machine, so they come from the deployment's
 * configuration and never through the API.
 */
export const processSettings = z.strictObject({
  /** Where instances are recorded and have their homes. Workers of one provider share it and the machine. */
  stateDirectory: absolutePath,
  images: z.record(z.string().min(1).max(200), localCommand),
  /** Where the commands are told to listen, and where Carrel reaches them. */
  address: z.union([z.ipv4(), z.ipv6()], 'an IP address').default('127.0.0.1'),
  bwrap: z.enum(['auto', 'off', 'required']).default('auto'),
  /** Host ports handed out, below the range from which the kernel takes ports of its own. */
  ports: z
    .strictObject({ first: z.int().min(1_024).max(65_535), last: z.int().min(1_024).max(65_535) })
    .refine(({ first, last }) => first <= last, 'first must not be above last')
    .default({ first: 20_000, last: 29_999 }),
  /** As root only: each instance without a user of its own runs as one of these, alone. The default is a range that no tool hands out. */
  users: z
    .strictObject({ first: z.int().min(1_000).max(2_147_000_000), count: z.int().min(1).max(100_000) })
    .default({ first: 1_900_000_000, count: 10_000 }),
})

export type ProcessSettings = z.output<typeof processSettings>
export type LocalCommand = ProcessSettings['images'][string]
