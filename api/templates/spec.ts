import { z } from '@hono/zod-openapi'
import { isolations } from '../../domain/capabilities.ts'
import { doorNamePattern } from '../../domain/doors.ts'
import { doorModes, doorProtocols, sharings } from '../../domain/template.ts'
import type { TemplateSpec } from '../../domain/template.ts'
import { leastReportedPort } from '../../domain/report.ts'
import { templateFaults } from '../../domain/template-check.ts'
import { idPattern } from '../../domain/ids.ts'
import { classPattern } from '../../domain/provider-kinds.ts'
import { line } from '../fields.ts'
import { backendTermsOf, BackendTermsFields } from './backend-terms.ts'

const name = z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/, 'Expected a short lower-case name.')
const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'Expected the name of an environment variable.')
  .refine((text) => !text.startsWith('CARREL_'), 'Names with CARREL_ are Carrel’s own.')
const plainId = z.string().regex(idPattern)
const port = z.int().min(1).max(65_535)
const reportedPort = z.int().min(leastReportedPort).max(65_535)
const amount = z.int().min(0).max(2_147_483_647)
const seconds = (max: number) => z.int().min(1).max(max)
const day = 86_400

/** Only keys that were set: an absent default is not a default of `undefined`. */
const present = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }

const labels = { env: variable.optional(), title: line(200).optional() }
const Parameter = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('string'),
      default: z.string().max(1_000).optional(),
      enum: z.array(z.string().max(1_000)).min(1).max(200).optional(),
      maxLength: z.int().min(1).max(1_000).optional(),
      secret: z.boolean().optional().openapi({ description: 'Kept sealed, given to the instance, shown to nobody' }),
      ...labels,
    })
    .openapi('StringParameter'),
  z
    .strictObject({
      type: z.enum(['integer', 'number']),
      default: z.number().optional(),
      min: z.number().optional(),
      max: z.number().optional(),
      enum: z.array(z.number()).min(1).max(200).optional(),
      ...labels,
    })
    .openapi('NumberParameter'),
  z
    .strictObject({ type: z.literal('boolean'), default: z.boolean().optional(), ...labels })
    .openapi('BooleanParameter'),
])

const path = z
  .string()
  .max(1_000)
  .regex(/^\/[\x21-\x7e]*$/, 'Expected a path that begins with /.')
const Door = z.strictObject({
  protocol: z.enum(doorProtocols),
  port,
  modes: z.array(z.enum(doorModes)).min(1).max(2),
  path: path.optional().openapi({ description: '`{secret}` stands for the secret of the session' }),
  readOnly: z
    .strictObject({ port, path: path.optional() })
    .optional()
    .openapi({ description: 'Of a web door: where it only shows; without, it has the mode `control` alone' }),
  secret: z
    .strictObject({
      header: z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'Expected the name of a header.'),
      value: z
        .string()
        .max(500)
        .regex(/^[\x21-\x7e]+( [\x21-\x7e]+)*$/, 'Expected the value of a header.'),
    })
    .optional()
    .openapi({
      description: 'Of a web door: the header that lets one in, with `{secret}` for the secret of the session',
    }),
  parameters: z
    .record(
      z.string().max(64),
      z
        .string()
        .max(1_000)
        .refine((text) => !/\p{Cc}/u.test(text), 'Expected one line.'),
    )
    .optional()
    .openapi({
      description: 'Of a desktop: what is said to it; `{secret}` in `password` is the secret of the session',
    }),
  clipboard: z.strictObject({ copy: z.boolean(), paste: z.boolean() }).optional(),
  files: z
    .strictObject({ upload: z.boolean(), download: z.boolean() })
    .optional()
    .openapi({ description: 'Of an `ssh` door: whether files pass. Other desktops have no way for them' }),
  recording: z
    .strictObject({ retentionDays: z.int().min(1).max(3_650) })
    .optional()
    .openapi({ description: 'Of a desktop: what is seen is kept for so long; whoever opens it is told before' }),
})

const Readiness = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('tcp'), port }),
  z.strictObject({ kind: z.literal('http'), port, path, status: z.int().min(100).max(599) }),
  z.strictObject({ kind: z.literal('log'), pattern: z.string().min(1).max(200) }),
  z.strictObject({ kind: z.literal('none') }),
])

const Visible = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('everyone') }),
  z.strictObject({ kind: z.literal('organisation'), organisation: line(200) }),
  z.strictObject({ kind: z.literal('group'), group: line(100) }),
  z.strictObject({ kind: z.literal('project'), projectId: plainId }),
  z.strictObject({ kind: z.literal('account'), accountId: plainId }),
])

const Size = z.strictObject({ cpuMilli: amount.min(1), memoryMib: amount.min(1), diskMib: amount, gpus: amount })
const posixId = z.int().min(0).max(4_294_967_294)

/** The fields of a template, each by itself. Used for its description; `TemplateSpecSchema` checks the whole. */
export const TemplateFields = z
  .strictObject({
    title: line(200),
    description: z.string().trim().max(4_000),
    provider: z
      .union(
        [
          z.strictObject({ id: plainId }),
          z.strictObject({ kind: name }),
          z.strictObject({ class: z.string().regex(classPattern, 'Expected the name of a class of providers.') }),
        ],
        'Expected one of: {"id": …}, {"kind": …}, {"class": …}.',
      )
      .openapi({ description: 'One provider, or the best of a kind, or of a class that operators gave providers' }),
    requires: z
      .strictObject({
        pause: z.boolean().optional(),
        isolation: z.enum(isolations).optional(),
        diskLimit: z.boolean().optional(),
      })
      .optional()
      .openapi({ description: 'What the provider must be able to do beside what the rest of the template needs' }),
    backend: BackendTermsFields.optional(),
    image: z.string().regex(/^[\x21-\x7e]{1,500}$/, 'Expected an image name.'),
    command: z.array(z.string().max(4_000)).min(1).max(100).nullable().default(null),
    environment: z.record(variable, z.string().max(4_000)).default({}).openapi({
      description: '`{session}` in a value stands for the id of the session',
    }),
    user: z
      .union(
        [z.literal('account'), z.strictObject({ uid: posixId, gid: posixId })],
        'Expected "account" or {"uid": …, "gid": …}.',
      )
      .nullable()
      .default(null),
    capabilities: z
      .array(z.string().regex(/^[A-Z_]{1,40}$/))
      .max(40)
      .default([]),
    sizes: z.record(name, Size),
    defaultSize: z.string(),
    parameters: z.record(name, Parameter).default({}),
    doors: z.record(z.string().regex(doorNamePattern, 'Expected the name of a door.'), Door),
    readiness: Readiness,
    mounts: z
      .array(
        z.strictObject({
          kind: z.enum(['dataset', 'workspace', 'experiment']),
          modes: z
            .array(z.enum(['ro', 'rw']))
            .min(1)
            .max(2),
        }),
      )
      .max(3)
      .default([]),
    egress: z.enum(['none', 'internet', 'site']),
    startLimitSeconds: seconds(day),
    queueLimitSeconds: seconds(30 * day).default(day),
    lifetimeSeconds: seconds(365 * day),
    idleTimeoutSeconds: seconds(365 * day)
      .nullable()
      .default(null),
    visibleTo: z.array(Visible).min(1).max(200),
    reportedPorts: z
      .strictObject({ from: reportedPort, to: reportedPort, tls: z.boolean().optional() })
      .optional()
      .openapi({
        description:
          'The instance chooses where in this range its doors listen, and reports it. `tls`: they speak TLS with a certificate of the session’s own, whose fingerprint is reported; needed where others use the same machine',
      }),
    sharing: z
      .enum(sharings)
      .optional()
      .openapi({ description: 'With whom an owner may share a session: `off` when left out' }),
    sessionsPerExperiment: z.int().min(1).max(100).optional().openapi({
      description: 'How many sessions one account may have in one experiment at a time: 1 when left out',
    }),
  })
  .openapi('TemplateSpec')

/** A template's spec, with its defaults, its parts checked against each other. */
export const TemplateSpecSchema = TemplateFields.transform(
  ({ sharing, sessionsPerExperiment, requires, backend, reportedPorts, ...fields }): TemplateSpec => ({
    ...fields,
    ...(sharing === undefined ? {} : { sharing }),
    ...(sessionsPerExperiment === undefined ? {} : { sessionsPerExperiment }),
    ...(requires === undefined ? {} : { requires: present(requires) }),
    ...(reportedPorts === undefined ? {} : { reportedPorts: present(reportedPorts) }),
    ...(backend === undefined ? {} : { backend: backendTermsOf(backend) }),
    parameters: mapValues(fields.parameters, (parameter) => present(parameter)),
    doors: mapValues(fields.doors, ({ readOnly, ...door }) => ({
      ...present(door),
      ...(readOnly === undefined ? {} : { readOnly: present(readOnly) }),
    })),
  }),
).superRefine((spec, context) => {
  for (const { pointer, message } of templateFaults(spec))
    context.addIssue({ code: 'custom', path: pointer.slice(1).split('/'), message })
})

const mapValues = <A, B>(all: Readonly<Record<string, A>>, of: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(all).map(([key, value]) => [key, of(value)]))
