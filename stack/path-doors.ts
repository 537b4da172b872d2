import { lookup } from 'node:dns/promises'
import { within } from '../platform/within.ts'
import type { Offer } from './offer.ts'

/**
 * What is offered where doors are paths of one host: the notebook is told its path, below which alone it then answers.
 * @throws where what is offered cannot be told
 */
export function belowPaths(offer: Offer): Offer {
  const { name, spec } = offer.template
  const [door = ''] = Object.keys(spec.doors)
  if (offer.desktop !== null) throw new Error('A desktop has no door below a path: it needs a host name')
  const readiness = spec.readiness
  if (spec.doors[door]?.path?.startsWith('/lab') !== true || readiness.kind !== 'http')
    throw new Error('Only JupyterLab can be told below which path it is; the file browser needs a host name')
  const environment = { ...spec.environment, CARREL_BASE_URL: `/{session}-${door}/` }
  // Whatever lies outside of its path is not there, from the moment on that it answers.
  return { ...offer, template: { name, spec: { ...spec, environment, readiness: { ...readiness, status: 404 } } } }
}

const lookupMs = 2_000

/** Whether this machine itself resolves names below `localhost`, as doors have them. */
export async function resolvesDoors(resolve = async (name: string) => (await lookup(name)).address): Promise<boolean> {
  const address = await within(lookupMs, resolve('door.localhost')).catch(() => null)
  return address === '::1' || address?.startsWith('127.') === true
}
