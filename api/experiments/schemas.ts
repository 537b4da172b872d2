import { z } from '@hono/zod-openapi'
import { experimentOrders } from '../../db/experiment-list.ts'
import type { ListedExperiment } from '../../db/experiment-list.ts'
import { isPlainPath } from '../../domain/data-roots.ts'
import { accessWindow, dayOrMoment, isOpenAt } from '../../domain/experiment.ts'
import type { AccessRule } from '../../domain/experiment.ts'
import { isDay } from '../../domain/site-days.ts'
import { flag, id, idOf, iso, isoOrNull, line, mountPlace, nullableTime, time } from '../fields.ts'
import { pageQuery } from '../paging.ts'

const whole = "A day, whole in the site's time zone (`2026-03-29`), or a moment (RFC 3339)"

const date = z
  .string()
  .max(40)
  .transform((text, context) => {
    const kept = dayOrMoment(text)
    if (kept !== null) return kept
    context.addIssue({ code: 'custom', message: 'Expected a day or a moment.' })
    return z.NEVER
  })
  .nullable()
  .openapi({ type: 'string', description: whole, example: '2026-03-29' })

const Dataset = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,31}$/, 'Expected a short plain name.'),
  path: z.string().refine(isPlainPath, 'Expected an absolute path in its shortest form.'),
  target: mountPlace,
  mode: z.enum(['ro', 'rw']).openapi({ description: 'Data is `ro`, results are `rw`' }),
})

const number = z.int().min(1).max(2_147_483_647)
const Posix = z.strictObject({ uid: number, gid: number })

const fields = {
  name: line(300),
  description: line(4_000).or(z.literal('')),
  instrument: line(100).nullable(),
  externalId: line(200).nullable().openapi({ description: 'What it is called elsewhere' }),
  starts: date,
  ends: date,
  posix: Posix.nullable().openapi({ description: 'As whom sessions in it run; `null`: as their template says' }),
  datasets: z
    .array(Dataset)
    .max(20)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'Expected names that differ.'),
}

export const ExperimentCreate = z
  .strictObject({
    projectId: idOf('project'),
    name: fields.name,
    description: fields.description.default(''),
    instrument: fields.instrument.default(null),
    externalId: fields.externalId.default(null),
    starts: fields.starts.default(null),
    ends: fields.ends.default(null),
    posix: fields.posix.default(null),
    datasets: fields.datasets.default([]),
  })
  .openapi('ExperimentCreate')

export const ExperimentPatch = z
  .strictObject({
    ...(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.optional()])) as {
      [F in keyof typeof fields]: z.ZodOptional<(typeof fields)[F]>
    }),
    withdrawn: z.boolean().optional().openapi({ description: 'Nobody sees it, and sessions with its data end' }),
  })
  .openapi('ExperimentPatch')

const words = z
  .string()
  .max(200)
  .transform((text) => text.split(/\s+/).filter((word) => word !== ''))
  .pipe(z.array(z.string()).max(10))
  .optional()
  .openapi({ type: 'string', description: 'Each of these words is somewhere in what it says of itself' })
const day = z.string().refine(isDay, 'Expected a day such as 2026-03-29.')

/** How lists of projects and of experiments are searched alike. */
export const searchQuery = {
  search: words,
  favourite: flag.openapi({ description: 'Only your favourites' }),
  instrument: z.string().max(100).optional(),
  from: day.optional().openapi({ description: 'Only what lasts to this day or longer' }),
  to: day.optional().openapi({ description: 'Only what begins on this day or before' }),
}

export const ExperimentQuery = z.strictObject({
  ...pageQuery,
  ...searchQuery,
  project: idOf('project').optional(),
  order: z.enum(experimentOrders).default('-starts').openapi({ description: '`-` is descending' }),
  all: flag.openapi({ description: 'For operators: everybody’s' }),
})

export const ExperimentDocument = z
  .object({
    id,
    projectId: id,
    projectName: z.string(),
    name: z.string(),
    description: z.string(),
    instrument: z.string().nullable(),
    source: z.string().nullable().openapi({ description: 'The catalogue that it comes from; `null`: made here' }),
    externalId: z.string().nullable(),
    starts: z.string().nullable().openapi({ description: whole }),
    ends: z.string().nullable().openapi({ description: whole }),
    opensAt: nullableTime.openapi({ description: 'From when its data may be worked with; `null`: from ever' }),
    closesAt: nullableTime.openapi({ description: 'Until when; `null`: without an end' }),
    isOpen: z.boolean(),
    datasets: z.array(z.object({ name: z.string(), target: z.string(), mode: z.enum(['ro', 'rw']) })),
    isFavourite: z.boolean(),
    staleSince: nullableTime.openapi({
      description: 'Since when its catalogue could not be asked: this is how it was last known to be',
    }),
    createdAt: time,
    withdrawnAt: nullableTime,
    posix: Posix.nullable().optional().openapi({ description: 'For operators' }),
    paths: z.record(z.string(), z.string()).optional().openapi({ description: 'For operators: where its data lies' }),
  })
  .openapi('Experiment')

export function presentExperiment(
  experiment: ListedExperiment,
  { access, operator }: { readonly access: AccessRule; readonly operator: boolean },
): z.infer<typeof ExperimentDocument> {
  const window = accessWindow(experiment, access)
  const timeOf = (at: number | null) => (at === null ? null : new Date(at).toISOString())
  return {
    id: experiment.id,
    projectId: experiment.projectId,
    projectName: experiment.projectName,
    name: experiment.name,
    description: experiment.description,
    instrument: experiment.instrument,
    source: experiment.source,
    externalId: experiment.externalId,
    starts: experiment.starts,
    ends: experiment.ends,
    opensAt: timeOf(window.opensAt),
    closesAt: timeOf(window.closesAt),
    isOpen: isOpenAt(window, Date.now()) && experiment.withdrawnAt === null,
    datasets: experiment.datasets.map(({ name, target, mode }) => ({ name, target, mode })),
    isFavourite: experiment.isFavourite,
    staleSince: isoOrNull(experiment.staleSince),
    createdAt: iso(experiment.createdAt),
    withdrawnAt: isoOrNull(experiment.withdrawnAt),
    ...(operator
      ? {
          posix: experiment.posix,
          paths: Object.fromEntries(experiment.datasets.map(({ name, path }) => [name, path])),
        }
      : {}),
  }
}
