import { z } from 'zod'

const address = z
  .url({ protocol: /^https?$/ })
  .refine((url) => new URL(url).search === '' && new URL(url).hash === '', 'no query and no fragment')
  .transform((url) => (url.endsWith('/') ? url : `${url}/`))

const node = z.strictObject({
  /** Kept with tokens and in tunnels' ids: not to be changed while it serves. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/),
  /** Where Carrel reaches the web application, with its context path. */
  url: address,
  /** Where browsers reach this very node; tokens live in one node's memory. */
  publicUrl: address,
})

/** What a site says about its Guacamole (1.6). The service account needs the system permission ADMINISTER. */
export const guacamoleSettings = z.strictObject({
  nodes: z
    .array(node)
    .min(1)
    .refine((nodes) => new Set(nodes.map(({ name }) => name)).size === nodes.length, 'names of nodes differ'),
  username: z.string().min(1),
  password: z.string().min(1),
  dataSource: z.enum(['postgresql', 'mysql', 'sqlserver']).default('postgresql'),
  requestTimeoutMs: z.int().min(10).default(5_000),
  /** After anything that time may mend. */
  retryAfterMs: z.int().min(1).default(5_000),
  /** After a login that was refused: few enough that no address is banned for it. */
  loginRetryAfterMs: z.int().min(1).default(600_000),
  /** Between two rounds of killing. */
  roundMs: z.int().min(1).default(100),
})
export type GuacamoleSettings = z.output<typeof guacamoleSettings>
export type GuacamoleNode = GuacamoleSettings['nodes'][number]
