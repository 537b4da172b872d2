import { z } from '@hono/zod-openapi'
import { readMaintenance } from '../../db/maintenance.ts'
import type { MaintenanceState } from '../../db/maintenance.ts'
import { installation } from '../access.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { reason } from '../fields.ts'
import { route } from '../route.ts'
import { etag, ifMatch } from '../versions.ts'
import { begin, end } from './commands.ts'
import { MaintenanceDocument, MaintenancePut, presentMaintenance } from './schemas.ts'

const shown = ({ maintenance }: MaintenanceState) => ({ maintenance: presentMaintenance(maintenance) })
const tagged = ({ version }: MaintenanceState) => ({ etag: etag(version) })

const read = route(
  {
    operationId: 'getMaintenance',
    summary: 'Read whether maintenance is on',
    tags: ['operation'],
    method: 'get',
    path: '/v1/admin/maintenance',
    right: 'operate:read',
    about: () => installation,
    responses: { 200: json(MaintenanceDocument, 'The maintenance') },
  },
  async (c) => {
    const state = await readMaintenance(c.var.services.db)
    return c.json(shown(state), 200, tagged(state))
  },
)

const put = route(
  {
    operationId: 'putMaintenance',
    summary: 'Switch maintenance on, or change what users are told',
    description:
      'From the answer on no session is recorded: asking for one is 503 `maintenance` with this text. What was asked before and ' +
      'is not decided waits; what runs goes on, and stops are carried out. It stays on until it is ended: `until` only tells users.',
    tags: ['operation'],
    method: 'put',
    path: '/v1/admin/maintenance',
    right: 'operate:write',
    about: () => installation,
    replaces: true,
    reasoned: true,
    request: { body: body(MaintenancePut) },
    responses: { 200: json(MaintenanceDocument, 'Maintenance is on') },
  },
  async (c) => {
    const state = await begin(c.var.services.db, deedOf(c), c.req.valid('json'), ifMatch(c))
    return c.json(shown(state), 200, tagged(state))
  },
)

const over = route(
  {
    operationId: 'endMaintenance',
    summary: 'End the maintenance',
    description: 'What waited for its decision is decided now. Repeats change nothing.',
    tags: ['operation'],
    method: 'post',
    path: '/v1/admin/maintenance/end',
    right: 'operate:write',
    about: () => installation,
    reasoned: true,
    request: { body: body(z.strictObject({ reason })) },
    responses: { 200: json(MaintenanceDocument, 'Maintenance is over') },
  },
  async (c) => {
    const state = await end(c.var.services.db, deedOf(c))
    return c.json(shown(state), 200, tagged(state))
  },
)

export const maintenanceRoutes = [read, put, over]
