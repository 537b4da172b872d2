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

/** Services say "next" with an address of theirs; only that there is one is taken from it. */
const links = z.array(z.object({ rel: z.string() })).default([])

/** By its tags a list of several instances' servers is taken apart: one without them would be nobody's. */
const listedShape = serverShape.extend({ tags: z.array(z.string()) })

export const serverPage = z
  .object({ servers: z.array(listedShape), servers_links: links })
  .transform((page) => ({ items: page.servers, more: page.servers_links.some(isNext) }))
const presentShape = z.object({ id, name: words })
export type Present = z.output<typeof presentShape>
export const presentPage = z
  .object({ servers: z.array(presentShape), servers_links: links })
  .transform((page) => ({ items: page.servers, more: page.servers_links.some(isNext) }))
export const serverAlone = z.object({ server: serverShape }).transform((a) => a.server)
export const serverMade = z.object({ server: z.object({ id }) }).transform((a) => a.server)
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
export const groupPage = z
  .object({ security_groups: z.array(groupShape), security_groups_links: links })
  .transform((page) => ({ items: page.security_groups, more: page.security_groups_links.some(isNext) }))
export const groupAlone = z.object({ security_group: groupShape }).transform((a) => a.security_group)

const portShape = z.object({
  id,
  name: words,
  description: words,
  device_id: words,
  security_groups: z.array(z.string()).default([]),
})
export type Port = z.output<typeof portShape>
export const portPage = z
  .object({ ports: z.array(portShape), ports_links: links })
  .transform((page) => ({ items: page.ports, more: page.ports_links.some(isNext) }))
export const portAlone = z.object({ port: portShape }).transform((a) => a.port)

const floatingShape = z.object({ id, description: words, port_id: words })
export type Floating = z.output<typeof floatingShape>
export const floatingPage = z
  .object({ floatingips: z.array(floatingShape), floatingips_links: links })
  .transform((page) => ({ items: page.floatingips, more: page.floatingips_links.some(isNext) }))
export const floatingAlone = z.object({ floatingip: floatingShape }).transform((a) => a.floatingip)

const volumeShape = z.object({ id, status: z.string(), metadata: z.record(z.string(), z.string()).default({}) })
export type Volume = z.output<typeof volumeShape>
export const volumePage = z
  .object({ volumes: z.array(volumeShape), volumes_links: links })
  .transform((page) => ({ items: page.volumes, more: page.volumes_links.some(isNext) }))
export const volumeAlone = z.object({ volume: volumeShape }).transform((a) => a.volume)

const networkShape = z.object({
  id,
  name: words,
  'router:external': z.boolean().nullish(),
  port_security_enabled: z.boolean().nullish(),
})
export type Network = z.output<typeof networkShape>
export const networkPage = z.object({ networks: z.array(networkShape) }).transform((page) => page.networks)

const flavorShape = z.object({ id: z.string().max(255), name: z.string() })
export const flavorPage = z
  .object({ flavors: z.array(flavorShape), flavors_links: links })
  .transform((page) => ({ items: page.flavors, more: page.flavors_links.some(isNext) }))

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

function isNext({ rel }: { readonly rel: string }): boolean {
  return rel === 'next'
}
