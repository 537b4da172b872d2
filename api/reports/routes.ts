import { z } from '@hono/zod-openapi'
import { recordReport } from '../../db/reports.ts'
import { portsOf, reportFaults, unpinnedProtocols } from '../../domain/report.ts'
import { body } from '../answers.ts'
import { Problem } from '../problem.ts'
import { route } from '../route.ts'
import { auditReport } from './reporter.ts'

const mostPorts = 40

const Report = z
  .strictObject({
    ports: z
      .record(z.string().regex(/^\d{1,5}$/, 'Expected a port of the template.'), z.int().min(1).max(65_535))
      .refine((ports) => Object.keys(ports).length <= mostPorts, `Expected at most ${mostPorts} ports.`)
      .openapi({
        description: 'Where it listens, by the ports that the template names. All of them: there is no second report',
        example: { '8888': 43_211 },
      }),
    fingerprint: z
      .string()
      .regex(/^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$/, 'Expected a SHA-256: 64 hex digits.')
      .transform((text) => text.replaceAll(':', '').toLowerCase())
      .optional()
      .openapi({
        type: 'string',
        description:
          'SHA-256 of the certificate (DER) with which its ports speak TLS. Nothing but this certificate is spoken to from then on',
      }),
  })
  .openapi('InstanceReport')

const report = route(
  {
    operationId: 'reportInstance',
    summary: 'Say on which ports an instance listens',
    description:
      'For instances alone, with the token that theirs was given at its start. It counts once; the same again is answered the same. The host is never said: the backend knows it.',
    tags: ['sessions'],
    method: 'post',
    path: '/v1/instance-reports',
    right: 'instance:report',
    request: { body: body(Report) },
    responses: { 204: { description: 'It is written down' } },
    refusals: [401, 409, 410, 429],
  },
  async (c) => {
    const { reporter, services } = c.var
    const { key, template, reportedPorts, isOver } = reporter
    if (isOver) throw new Problem('gone', 'The session is over.')
    const said = c.req.valid('json')
    const ports = Object.fromEntries(Object.entries(said.ports).sort(([a], [b]) => Number(a) - Number(b)))
    const what = { ports, ...(said.fingerprint === undefined ? {} : { fingerprint: said.fingerprint }) }
    const faults = reportFaults(what, {
      ports: portsOf(template),
      reportedPorts,
      hasUnpinned: Object.values(template.doors).some(({ protocol }) => unpinnedProtocols.includes(protocol)),
    })
    if (faults.length > 0)
      throw new Problem('invalid_request', 'The report is not what the template lets this instance say.', {
        errors: faults.map((fault) => ({ in: 'body' as const, ...fault })),
      })
    const outcome = await services.db.transaction().execute(async (trx) => {
      const recorded = await recordReport(trx, key, what)
      if (recorded === 'recorded') await auditReport(trx, c, reporter, null)
      return recorded
    })
    if (outcome === 'over') throw new Problem('gone', 'The session is over.')
    if (outcome === 'other') throw new Problem('conflict', 'Something else was reported before, and that stands.')
    return c.body(null, 204)
  },
)

export const reportRoutes = [report]
