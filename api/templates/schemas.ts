import { z } from '@hono/zod-openapi'
import type { Template } from '../../db/templates.ts'
import { shownDoors } from '../../domain/doors.ts'
import { isLink } from '../../domain/link.ts'
import { sharings } from '../../domain/template.ts'
import { id, iso, isoOrNull, nullableTime, slug, time } from '../fields.ts'
import { TemplateFields, TemplateSpecSchema } from './spec.ts'

export const TemplateCreate = z
  .strictObject({
    name: slug(63).openapi({ description: 'Unique, and never changed' }),
    spec: TemplateSpecSchema,
  })
  .openapi('TemplateCreate')

export const TemplatePut = z.strictObject({ spec: TemplateSpecSchema }).openapi('TemplatePut')

const Size = z.object({ cpuMilli: z.int(), memoryMib: z.int(), diskMib: z.int(), gpus: z.int() })
const Door = z.object({ protocol: z.string(), modes: z.array(z.string()) })

const shown = TemplateFields.pick({
  title: true,
  description: true,
  provider: true,
  defaultSize: true,
  egress: true,
  startLimitSeconds: true,
}).shape

export const TemplateDocument = z
  .object({
    id,
    name: z.string(),
    version: z.int(),
    active: z.boolean(),
    origin: z.enum(['configuration', 'api']),
    createdAt: time,
    deactivatedAt: nullableTime,
    ...shown,
    sizes: z.record(z.string(), Size),
    parameters: z.record(z.string(), z.record(z.string(), z.unknown())),
    doors: z.record(z.string(), Door),
    mounts: z.array(z.object({ kind: z.string(), modes: z.array(z.string()) })),
    queueLimitSeconds: z.int(),
    lifetimeSeconds: z.int(),
    idleTimeoutSeconds: z.int().nullable(),
    sharing: z
      .enum(sharings)
      .openapi({ description: 'With whom an owner may share a session, where its project allows it' }),
    spec: TemplateFields.optional().openapi({ description: 'The whole of it; for operators' }),
  })
  .openapi('Template')

/** A template as its users see it: what they can choose. `whole`: with everything that runs, for operators. */
export function presentTemplate(template: Template, whole: boolean): z.infer<typeof TemplateDocument> {
  const { spec } = template
  return {
    id: template.id,
    name: template.name,
    version: template.version,
    active: template.deactivatedAt === null,
    origin: template.origin,
    createdAt: iso(template.createdAt),
    deactivatedAt: isoOrNull(template.deactivatedAt),
    title: spec.title,
    description: spec.description,
    provider: spec.provider,
    sizes: { ...spec.sizes },
    defaultSize: spec.defaultSize,
    parameters: Object.fromEntries(
      Object.entries(spec.parameters).map(([name, parameter]) => [name, { ...parameter }]),
    ),
    doors: Object.fromEntries(shownDoors({ doors: spec.doors, isLink: isLink(spec) })),
    mounts: spec.mounts.map(({ kind, modes }) => ({ kind, modes: [...modes] })),
    egress: spec.egress,
    startLimitSeconds: spec.startLimitSeconds,
    queueLimitSeconds: spec.queueLimitSeconds,
    lifetimeSeconds: spec.lifetimeSeconds,
    idleTimeoutSeconds: spec.idleTimeoutSeconds,
    sharing: spec.sharing ?? 'off',
    // The same shape, but ours is read-only.
    ...(whole ? { spec: spec as z.infer<typeof TemplateFields> } : {}),
  }
}
