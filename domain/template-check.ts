import { doorFaults } from './door-check.ts'
import { linkFaults } from './link.ts'
import { portsOf, unpinnedProtocols } from './report.ts'
import { resolveParameters } from './template.ts'
import type { ParameterSpec, TemplateSpec } from './template.ts'

/** Something that does not fit together in a template. `pointer`: a JSON pointer into its spec. */
export interface TemplateFault {
  readonly pointer: string
  readonly message: string
}

/** What no schema of single fields sees: whether the parts of a template fit together. Empty: they do. */
export function templateFaults(spec: TemplateSpec): TemplateFault[] {
  return [
    ...sizeFaults(spec),
    ...parameterFaults(spec),
    ...allDoorFaults(spec),
    ...mountFaults(spec),
    ...reportingFaults(spec),
    ...flavorFaults(spec),
    ...linkFaults(spec),
  ]
}

function sizeFaults({ sizes, defaultSize }: TemplateSpec): TemplateFault[] {
  if (Object.hasOwn(sizes, defaultSize)) return []
  return [{ pointer: '/defaultSize', message: `Expected one of: ${Object.keys(sizes).join(', ')}.` }]
}

function parameterFaults({ parameters, environment }: TemplateSpec): TemplateFault[] {
  const seen = new Set(Object.keys(environment))
  return Object.entries(parameters).flatMap(([name, spec]) => {
    const pointer = `/parameters/${name}`
    const faults = [
      ...rangeFaults(pointer, spec),
      ...defaultFaults(pointer, name, spec),
      ...secretFaults(pointer, spec),
    ]
    if (spec.env === undefined) return faults
    if (seen.has(spec.env)) faults.push({ pointer: `${pointer}/env`, message: `${spec.env} is set already.` })
    seen.add(spec.env)
    return faults
  })
}

function rangeFaults(pointer: string, spec: ParameterSpec): TemplateFault[] {
  if (spec.type !== 'integer' && spec.type !== 'number') return []
  if (spec.min === undefined || spec.max === undefined || spec.min <= spec.max) return []
  return [{ pointer: `${pointer}/min`, message: 'Expected at most max.' }]
}

/** A default must pass the same check as a value that somebody gives. */
function defaultFaults(pointer: string, name: string, spec: ParameterSpec): TemplateFault[] {
  if (spec.default === undefined) return []
  const { faults } = resolveParameters({ [name]: spec }, {})
  return faults.map(({ message }) => ({ pointer: `${pointer}/default`, message }))
}

/** A template is shown to everybody it is for: what stands in it is no secret. */
function secretFaults(pointer: string, spec: ParameterSpec): TemplateFault[] {
  if (spec.type !== 'string' || spec.secret !== true || spec.default === undefined) return []
  return [{ pointer: `${pointer}/default`, message: 'A secret has no default.' }]
}

function allDoorFaults({ doors, readiness }: TemplateSpec): TemplateFault[] {
  const faults = Object.entries(doors).flatMap(([name, door]) => doorFaults(`/doors/${name}`, door))
  if (readiness.kind === 'log' || readiness.kind === 'none') return faults
  const ports = Object.values(doors).map((door) => door.port)
  if (ports.length === 0 || ports.includes(readiness.port)) return faults
  return [...faults, { pointer: '/readiness/port', message: `Expected the port of a door: ${ports.join(', ')}.` }]
}

function mountFaults({ mounts }: TemplateSpec): TemplateFault[] {
  return mounts.flatMap(({ kind }, index) =>
    mounts.findIndex((other) => other.kind === kind) === index
      ? []
      : [{ pointer: `/mounts/${index}/kind`, message: `${kind} is allowed above already.` }],
  )
}

/** Where its instances may choose their ports, and whether each door could be spoken to by a pinned certificate. */
function reportingFaults(spec: TemplateSpec): TemplateFault[] {
  const { reportedPorts, doors } = spec
  if (reportedPorts === undefined) return []
  const { from, to, tls } = reportedPorts
  const needed = portsOf(spec).length
  if (to - from + 1 < needed)
    return [{ pointer: '/reportedPorts/to', message: `Expected room for ${needed} ports from ${from} on.` }]
  if (tls !== true) return []
  return Object.entries(doors).flatMap(([name, { protocol }]) =>
    unpinnedProtocols.includes(protocol)
      ? [
          {
            pointer: `/doors/${name}/protocol`,
            message: 'RDP and SSH are not reached by TLS: with it, every door is `http` or `vnc`.',
          },
        ]
      : [],
  )
}

/** At an OpenStack each size is a flavour. */
function flavorFaults({ sizes, backend }: TemplateSpec): TemplateFault[] {
  const flavors = backend?.openstack?.flavors
  if (flavors === undefined) return []
  const pointer = '/backend/openstack/flavors'
  const missing = Object.keys(sizes)
    .filter((size) => !Object.hasOwn(flavors, size))
    .map((size) => ({ pointer, message: `Expected the flavour of the size ${size}, too.` }))
  const strange = Object.keys(flavors)
    .filter((size) => !Object.hasOwn(sizes, size))
    .map((size) => ({ pointer: `${pointer}/${size}`, message: 'The template has no such size.' }))
  return [...missing, ...strange]
}
