import { portOf } from './doors.ts'
import { doorModes } from './template.ts'
import type { DoorProtocol, ReportedPorts, TemplateSpec } from './template.ts'

/** What an instance says of itself, once: where it listens for each port of its template, and with what certificate. */
export interface Report {
  readonly ports: Readonly<Record<string, number>>
  /** SHA-256 of the certificate in DER, 64 hex digits in lower case. */
  readonly fingerprint?: string
}

/** What is held against a report. */
export interface Reportable {
  /** The ports that it names, each of them. */
  readonly ports: readonly number[]
  readonly reportedPorts: ReportedPorts
  /** A door of it is none that could be spoken to by a pinned certificate. */
  readonly hasUnpinned: boolean
}

export interface ReportFault {
  /** A JSON pointer into the report. */
  readonly pointer: string
  readonly message: string
}

/**
 * Doors that guacd may connect to more than once for one desktop (RDP as it tries how to sign in, SSH for files). The gateway holds a
 * certificate against its pin for one connection, and passes on no second.
 */
export const unpinnedProtocols: readonly DoorProtocol[] = ['rdp', 'ssh']

/** Below it a port needs rights that no session has. */
export const leastReportedPort = 1_024

/** Every port that a template's doors and its readiness name, each once. */
export function portsOf({ doors, readiness }: Pick<TemplateSpec, 'doors' | 'readiness'>): readonly number[] {
  const ready = readiness.kind === 'log' || readiness.kind === 'none' ? [] : [readiness.port]
  const all = Object.values(doors).flatMap((door) => doorModes.map((mode) => portOf(door, mode)))
  return [...new Set([...all, ...ready])]
}

/** What is wrong with a report; nothing: it may be believed, as far as what it says goes. There is no second one, so it names all. */
export function reportFaults({ ports, fingerprint }: Report, may: Reportable): ReportFault[] {
  const { from, to, tls } = may.reportedPorts
  const known = new Set(may.ports.map(String))
  const said = Object.entries(ports)
  const strange = said
    .filter(([port]) => !known.has(port))
    .map(([port]) => ({ pointer: `/ports/${port}`, message: `Expected one of: ${[...known].join(', ')}.` }))
  const missing = [...known]
    .filter((port) => !Object.hasOwn(ports, port))
    .map((port) => ({ pointer: `/ports/${port}`, message: 'A report names every port of the template.' }))
  const outside = said
    .filter(([, at]) => at < Math.max(from, leastReportedPort) || at > to)
    .map(([port]) => ({ pointer: `/ports/${port}`, message: `Expected a port from ${from} to ${to}.` }))
  const twice = said
    .filter(([, at], place) => said.findIndex(([, other]) => other === at) < place)
    .map(([port]) => ({ pointer: `/ports/${port}`, message: 'Another port was said to be there.' }))
  return [...strange, ...missing, ...outside, ...twice, ...pinFaults(fingerprint, tls === true, may.hasUnpinned)]
}

function pinFaults(fingerprint: string | undefined, needed: boolean, hasUnpinned: boolean): ReportFault[] {
  const pointer = '/fingerprint'
  if (fingerprint === undefined)
    return needed ? [{ pointer, message: 'The template asks for TLS, and so for the certificate’s SHA-256.' }] : []
  return hasUnpinned
    ? [{ pointer, message: 'RDP and SSH are not reached by TLS: such a door could not be opened.' }]
    : []
}

export interface ReportedEndpoint {
  readonly port: number
  readonly host: string
  readonly hostPort: number
  readonly fingerprint?: string
}

/** Where it is then reached. The host is the backend's word, never the report's. */
export const endpointsOf = ({ ports, fingerprint }: Report, host: string): readonly ReportedEndpoint[] =>
  Object.entries(ports).map(([port, hostPort]) => ({
    port: Number(port),
    host,
    hostPort,
    ...(fingerprint === undefined ? {} : { fingerprint }),
  }))
