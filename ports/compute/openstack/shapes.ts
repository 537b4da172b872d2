import { z } from 'zod'

// What we read of the services' answers. Everything else in them is dropped, user data with it.

const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)
const words = z
  .string()
  .nullish()
  .transform((text) => text ?? '')

const address = z.object({
  addr: z.string(),
  version: z.int(),
  'OS-EXT-IPS:type': z.string().optional(),
})

const serverShape = z.object({
  id,
  status: z.string(),
  created: words,
  metadata: z.record(z.string(), z.string()).default({}),
  addresses: z.record(z.string(), z.array(address)).default({}),
  'OS-EXT-STS:task_state': words,
  'OS-SRV-USG:launched_at': words,
  fault: z.object({ message: words }).optional(),
})
export type Server = z.output<typeof serverShape>

/** What a service puts its answer into. */
const around = z.record(z.string(), z.unknown())

const aloneOf = <T>(kind: string, item: z.ZodType<T>) => around.transform((answer) => answer[kind]).pipe(item)

/** Services say "next" with an address of theirs; only that there is one is taken from it. */
const more = z
  .array(z.object({ rel: z.string() }))
  .default([])
  .transform((links) => links.some(({ rel }) => rel === 'next'))

export type Page<T> = z.ZodType<{ readonly items: T[]; readonly more: boolean }>

function pageOf<T>(kind: string, item: z.ZodType<T>): Page<T> {
  const page: Page<T> = z.object({ items: z.array(item), more })
  return around.transform((answer): unknown => ({ items: answer[kind], more: answer[`${kind}_links`] })).pipe(page)
}

/** By its tags a list of several instances' servers is taken apart: one without them would be nobody's. */
const listedShape = serverShape.extend({ tags: z.array(z.string()) })

export const serverPage = pageOf('servers', listedShape)
const presentShape = z.object({ id, name: words })
export type Present = z.output<typeof presentShape>
export const presentPage = pageOf('servers', presentShape)
export const serverAlone = aloneOf('server', serverShape)
export const serverMade = aloneOf('server', z.object({ id }))
export const consoleOutput = z.object({ output: words })

const ruleShape = z.object({
  id,
  direction: z.string(),
  ethertype: z.string(),
  protocol: z.union([z.string(), z.int()]).nullish(),
  port_range_min: z.int().nullish(),
  port_range_max: z.int().nullish(),
  remote_ip_prefix: z.string().nullish(),
  remote_group_id: z.string().nullish(),
})
export type GroupRule = z.output<typeof ruleShape>
const groupShape = z.object({
  id,
  name: words,
  description: words,
  created_at: words,
  security_group_rules: z.array(ruleShape).default([]),
})
export type Group = z.output<typeof groupShape>
export const groupPage = pageOf('security_groups', groupShape)
export const groupAlone = aloneOf('security_group', groupShape)

const portShape = z.object({
  id,
  name: words,
  description: words,
  device_id: words,
  security_groups: z.array(z.string()).default([]),
})
export type Port = z.output<typeof portShape>
export const portPage = pageOf('ports', portShape)
export const portAlone = aloneOf('port', portShape)

const floatingShape = z.object({ id, description: words, port_id: words })
export type Floating = z.output<typeof floatingShape>
export const floatingPage = pageOf('floatingips', floatingShape)
export const floatingAlone = aloneOf('floatingip', floatingShape)

const volumeShape = z.object({ id, status: z.string(), metadata: z.record(z.string(), z.string()).default({}) })
export type Volume = z.output<typeof volumeShape>
export const volumePage = pageOf('volumes', volumeShape)
export const volumeAlone = aloneOf('volume', volumeShape)

const networkShape = z.object({
  id,
  name: words,
  'router:external': z.boolean().nullish(),
  port_security_enabled: z.boolean().nullish(),
})
export type Network = z.output<typeof networkShape>
export const networkPage = z.object({ networks: z.array(networkShape) }).transform((page) => page.networks)

const flavorShape = z.object({ id: z.string().max(255), name: z.string() })
export type Flavor = z.output<typeof flavorShape>
export const flavorPage = pageOf('flavors', flavorShape)

const imageShape = z.object({
  id,
  name: words,
  status: z.string(),
  owner: words,
  visibility: words,
  created_at: words,
  /** Of which server Nova made it. */
  instance_uuid: words,
})
export type Image = z.output<typeof imageShape>
export const imageAlone = imageShape
export const imagePage = z.object({ images: z.array(imageShape) }).transform((page) => page.images)
