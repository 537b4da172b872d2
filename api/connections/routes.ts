import { z } from '@hono/zod-openapi'
import { longestPath } from '../../domain/doors.ts'
import { doorModes } from '../../domain/template.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf, isoOrNull, nullableTime } from '../fields.ts'
import { route } from '../route.ts'
import { preferenceOf } from '../prefer.ts'
import { sessionOfPath } from '../sessions/subject.ts'
import { openConnection, readDoors } from './commands.ts'
import type { ShownDoor } from './commands.ts'
import { outsideWaitMs } from './outside.ts'

const params = z.object({ sessionId: idOf('session') })

const ConnectionCreate = z
  .strictObject({
    door: z.string().max(16),
    mode: z.enum(doorModes).default('control'),
    path: z.string().max(longestPath).optional().openapi({
      description: "Of a web door: where to go on its host. The template's when left out",
      example: '/lab',
    }),
  })
  .openapi('ConnectionCreate')

const ConnectionDocument = z
  .object({
    url: z.string().openapi({ description: 'Opens the door once. What follows # is a secret: do not log or mail it' }),
    expiresAt: nullableTime.openapi({ description: 'Until when it must be opened' }),
  })
  .openapi('Connection')

const DoorDocument = z
  .object({
    name: z.string(),
    protocol: z.string(),
    modes: z
      .array(z.enum(doorModes))
      .openapi({ description: 'In which you may use it; none, where you may only see it' }),
    clipboard: z.object({ copy: z.boolean(), paste: z.boolean() }).nullable(),
    files: z.object({ upload: z.boolean(), download: z.boolean() }).nullable(),
    recording: z
      .object({ retentionDays: z.int() })
      .nullable()
      .openapi({ description: 'What is seen there is recorded, and kept for so long: say so before it is opened' }),
  })
  .openapi('Door')

const Doors = z
  .object({
    open: z.boolean().openapi({ description: 'The session is ready, and you may use it' }),
    items: z.array(DoorDocument),
  })
  .openapi('Doors')

const present = ({ name, door, modes }: ShownDoor): z.infer<typeof DoorDocument> => ({
  name,
  protocol: door.protocol,
  modes: [...modes],
  clipboard: door.clipboard ?? null,
  files: door.files ?? null,
  recording: door.recording ?? null,
})

const read = route(
  {
    operationId: 'getConnections',
    summary: 'Read the doors of a session, and how you may use them',
    tags: ['sessions'],
    method: 'get',
    path: '/v1/sessions/{sessionId}/connections',
    right: 'session:read',
    subject: sessionOfPath,
    request: { params },
    responses: { 200: json(Doors, 'The doors') },
  },
  async (c) => {
    const { doors, open } = await readDoors(c.var.services, c.var.principal, c.req.valid('param').sessionId)
    return c.json({ open, items: doors.map(present) }, 200)
  },
)

const open = route(
  {
    operationId: 'openConnection',
    summary: 'Open a door of a session',
    description:
      'The address is for you alone, opens the door once, and must be opened within 30 s. Each call makes a new one, so it ' +
      'takes no idempotency key. What it opened ends with the right to it, and with the token of this call. Where a gateway ' +
      'outside shows desktops it waits until the door is open there, 10 s or as long as `Prefer: wait=N` says, at most 20.',
    tags: ['sessions'],
    method: 'post',
    path: '/v1/sessions/{sessionId}/connections',
    right: 'session:connect',
    subject: sessionOfPath,
    refusals: [409],
    request: { params, body: body(ConnectionCreate) },
    responses: { 201: json(ConnectionDocument, 'The way in') },
  },
  async (c) => {
    const { services, principal } = c.var
    const { sessionId } = c.req.valid('param')
    const { waitMs, applied } = preferenceOf(c.req.header('prefer'))
    const patience = { waitMs: outsideWaitMs(waitMs, applied !== null), signal: c.req.raw.signal }
    const opened = await openConnection(services, deedOf(c), principal, sessionId, c.req.valid('json'), patience)
    return c.json({ url: opened.url, expiresAt: isoOrNull(opened.expiresAt) }, 201, { 'cache-control': 'no-store' })
  },
)

export const connectionRoutes = [read, open]
