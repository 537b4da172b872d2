import { z } from '@hono/zod-openapi'
import { isMigrated } from '../../db/status.ts'
import { json } from '../answers.ts'
import { isoOrNull, nullableTime } from '../fields.ts'
import { maintenanceOrNull, presentMaintenance } from '../maintenance/schemas.ts'
import { Problem } from '../problem.ts'
import { route } from '../route.ts'
import { overall } from './dependencies.ts'

const state = z.enum(['ok', 'degraded', 'down'])
const StatusDocument = z
  .object({
    state,
    dependencies: z.array(
      z.object({
        name: z.string().openapi({ example: 'provider/docker' }),
        state,
        latencyMs: z.number().nullable(),
        since: nullableTime,
        checkedAt: nullableTime,
      }),
    ),
    maintenance: maintenanceOrNull,
  })
  .openapi('Status')

const status = route(
  {
    operationId: 'getStatus',
    summary: 'Read how Carrel and what it depends on are',
    tags: ['status'],
    method: 'get',
    path: '/v1/status',
    right: 'status:read',
    responses: { 200: json(StatusDocument, 'The state of each dependency') },
  },
  async (c) => {
    const { dependencies: all, maintenance } = await c.var.services.readStatus()
    const dependencies = all.map((d) => ({ ...d, since: isoOrNull(d.since), checkedAt: isoOrNull(d.checkedAt) }))
    return c.json({ state: overall(all), dependencies, maintenance: presentMaintenance(maintenance) }, 200)
  },
)

const Alive = z.object({ status: z.literal('ok') }).openapi('Alive')

const healthz = route(
  {
    operationId: 'getHealth',
    summary: 'Whether the process lives',
    tags: ['operation'],
    method: 'get',
    path: '/healthz',
    right: 'status:read',
    responses: { 200: json(Alive, 'It lives') },
  },
  (c) => c.json({ status: 'ok' as const }, 200),
)

const readyz = route(
  {
    operationId: 'getReadiness',
    summary: 'Whether the process can serve: its database is migrated and answers',
    description: 'Temporal is not needed: what is asked meanwhile is kept and carried out later.',
    tags: ['operation'],
    method: 'get',
    path: '/readyz',
    right: 'status:read',
    responses: { 200: json(Alive, 'It can') },
  },
  async (c) => {
    const { db, isServing } = c.var.services
    if (!isServing()) throw new Problem('unavailable', 'The process is ending.')
    if (!(await isMigrated(db))) throw new Problem('unavailable', 'The database is not migrated. Run the bootstrap.')
    return c.json({ status: 'ok' as const }, 200)
  },
)

const metrics = route(
  {
    operationId: 'getMetrics',
    summary: 'Read the metrics of the process and of the installation, for Prometheus',
    tags: ['operation'],
    method: 'get',
    path: '/metrics',
    right: 'metrics:read',
    responses: { 200: { description: 'The metrics', content: { 'text/plain': { schema: z.string() } } } },
  },
  async (c) => {
    const { db, fillGauges, log, metrics: own } = c.var.services
    // Who asks was let in by the database, so without it there is no answer; but it may fail at the counting alone.
    await fillGauges(db).catch((err: unknown) => log.warn({ err }, 'The metrics leave out what is counted from rows.'))
    const { contentType, text } = await own.expose()
    return c.text(text, 200, { 'content-type': contentType })
  },
)

export const statusRoutes = [status, healthz, readyz, metrics]
