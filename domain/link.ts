import type { ParameterValue, TemplateSpec } from './template.ts'
import type { TemplateFault } from './template-check.ts'

/** The name of the one door that a link has. */
export const linkDoor = 'link'

/** Whether what is made of a template is an address, and nothing that runs. */
export const isLink = ({ backend }: Pick<TemplateSpec, 'backend'>): boolean => backend?.link !== undefined

/** What the placeholders of a link stand for. */
export interface LinkValues {
  readonly session: string
  /** Whoever opens it. */
  readonly account: string
  readonly project: string
  readonly parameters: Readonly<Record<string, ParameterValue>>
}

const placeholder = /\{([^{}]*)\}/g

/**
 * Where a link leads for somebody: each placeholder is replaced, percent-encoded. `null`: what one stands for would lead elsewhere
 * than the template says, as a segment `..` does.
 */
export function linkUrl(url: string, values: LinkValues): string | null {
  const filled = url.replaceAll(placeholder, (_, name: string) => encodeURIComponent(valueOf(name, values)))
  const [said, meant] = [url.replaceAll(placeholder, 'x'), filled]
  if (!URL.canParse(meant)) return null
  return shapeOf(meant) === shapeOf(said) ? meant : null
}

/** What of an address a value must not change: where it leads to, and how deep. Its last segment counts by what would stand below. */
function shapeOf(url: string): string {
  const { origin, pathname } = new URL(`${url.replace(/[?#].*$/s, '')}/below`)
  return `${origin} ${pathname.split('/').length}`
}

/** The host that it leads to with this for its placeholders; `null`: none that is plain, or with credentials. */
function hostOf(url: string, value: string): string | null {
  const filled = url.replaceAll(placeholder, value)
  if (!URL.canParse(filled)) return null
  const { host, username, password } = new URL(filled)
  return username + password === '' && !/[{}]/.test(host) ? host : null
}

function valueOf(name: string, { parameters, ...own }: LinkValues): string {
  const parameter = parameterOf(name)
  if (parameter !== null) return String(Object.hasOwn(parameters, parameter) ? parameters[parameter] : '')
  return isOwn(name) ? own[name] : ''
}

const ownNames = ['session', 'account', 'project'] as const
const isOwn = (name: string): name is (typeof ownNames)[number] => (ownNames as readonly string[]).includes(name)
const parameterOf = (name: string): string | null =>
  name.startsWith('parameter.') ? name.slice('parameter.'.length) : null

/** What does not fit in a template that is a link. Of one that is none there is nothing to say. */
export function linkFaults({ backend, doors, mounts, readiness, parameters, ...rest }: TemplateSpec): TemplateFault[] {
  const url = backend?.link?.url
  if (url === undefined) return []
  const at = '/backend/link/url'
  const faults: TemplateFault[] = []
  if (hostOf(url, 'x') === null || hostOf(url, 'x') !== hostOf(url, 'y'))
    faults.push({ pointer: at, message: 'Expected a URL whose host is plain, without credentials.' })
  for (const [, name = ''] of url.matchAll(placeholder)) {
    const parameter = parameterOf(name)
    const spec = parameter !== null && Object.hasOwn(parameters, parameter) ? parameters[parameter] : undefined
    if (parameter === null ? !isOwn(name) : spec === undefined)
      faults.push({ pointer: at, message: `{${name}} stands for nothing.` })
    if (spec?.type === 'string' && spec.secret === true)
      faults.push({ pointer: at, message: `{${name}} is a secret, and an address is none.` })
  }
  if (readiness.kind !== 'none')
    faults.push({ pointer: '/readiness/kind', message: 'Nothing runs behind a link: expected none.' })
  if (Object.keys(doors).length > 0)
    faults.push({ pointer: '/doors', message: `A link has one door, ${linkDoor}, and the template names none.` })
  if (mounts.length > 0) faults.push({ pointer: '/mounts', message: 'Nothing is mounted behind a link.' })
  if (rest.idleTimeoutSeconds !== null)
    faults.push({ pointer: '/idleTimeoutSeconds', message: 'Nobody sees whether a link is used: expected null.' })
  if (rest.reportedPorts !== undefined)
    faults.push({ pointer: '/reportedPorts', message: 'Nothing runs behind a link that could report.' })
  return faults
}
