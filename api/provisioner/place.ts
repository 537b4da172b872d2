import type { Handover } from '../../db/handover.ts'
import { endpointsOf, reportFaults, unpinnedProtocols } from '../../domain/report.ts'
import type { Report as ReportedPorts, ReportedEndpoint } from '../../domain/report.ts'
import { mayBeReached, parseAddress, parseNetwork } from '../../platform/addresses.ts'
import { invalid, Problem } from '../problem.ts'
import type { Fault } from '../problem.ts'

export interface SaidPlace {
  readonly host: string
  readonly ports?: Readonly<Record<string, number>> | undefined
  readonly fingerprint?: string | undefined
}

/** Where an instance is by its provisioner's word, as far as that may be believed. */
export interface Place {
  /** As addresses are compared. */
  readonly host: string
  /** What it says in the instance's place; `null`: the template's ports, or the instance reports them itself. */
  readonly report: ReportedPorts | null
  /** Where it would be reached; empty while its ports are not known. */
  readonly endpoints: readonly ReportedEndpoint[]
}

/**
 * Holds a place against the networks of the provider and the ports of the template. A worker, and the gateway at each connection, do so
 * again. Throws 422 with every place of the body that is not as it must be.
 */
export function placeOf({ spec, networks, template }: Handover, said: SaidPlace): Place {
  const address = parseAddress(said.host)
  if (address === null)
    throw invalid('/host', 'Expected an address of IPv4 or IPv6: a name may be another one tomorrow.')
  if (!mayBeReached(address, networks.map(parseNetwork)))
    throw invalid('/host', 'It lies outside the networks in which this provider’s instances may be.')
  const host = address.toString()
  if (spec.reportedPorts === null) {
    const ports = Object.fromEntries(spec.ports.map((port) => [String(port), port]))
    refuse(fixedFaults(said, spec.ports))
    return { host, report: null, endpoints: endpointsOf({ ports }, host) }
  }
  if (said.ports === undefined) {
    if (said.fingerprint !== undefined) throw invalid('/fingerprint', 'Expected the ports beside it.')
    return { host, report: null, endpoints: [] }
  }
  const ports = Object.fromEntries(Object.entries(said.ports).sort(([a], [b]) => Number(a) - Number(b)))
  const report = { ports, ...(said.fingerprint === undefined ? {} : { fingerprint: said.fingerprint }) }
  const doors = Object.values(template?.doors ?? {})
  refuse(
    reportFaults(report, {
      ports: spec.ports,
      reportedPorts: spec.reportedPorts,
      hasUnpinned: doors.some(({ protocol }) => unpinnedProtocols.includes(protocol)),
    }).map((fault) => ({ in: 'body' as const, ...fault })),
  )
  return { host, report, endpoints: endpointsOf(report, host) }
}

/** Ports that the template fixes may be said, as they are. */
function fixedFaults({ ports = {}, fingerprint }: SaidPlace, fixed: readonly number[]): Fault[] {
  const strange = Object.entries(ports)
    .filter(([port, at]) => !fixed.includes(Number(port)) || at !== Number(port))
    .map(([port]) => ({
      in: 'body' as const,
      pointer: `/ports/${port}`,
      message: 'The template says on which ports it answers, and lets no others be reported.',
    }))
  if (fingerprint === undefined) return strange
  const message = 'The template lets nothing be reported, and so no certificate.'
  return [...strange, { in: 'body', pointer: '/fingerprint', message }]
}

function refuse(errors: readonly Fault[]): void {
  if (errors.length > 0) throw new Problem('invalid_request', 'It is not where the template lets it be.', { errors })
}
