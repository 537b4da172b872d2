import type { TemplateSpec } from '../../domain/template.ts'
import type { Timings } from '../../domain/timings.ts'
import type { ProviderConfig } from '../../platform/config.ts'
import { freePort } from '../../stack/ports.ts'
import { createPortal } from '../bench/portal.ts'
import type { Portal } from '../bench/portal.ts'
import { createSite } from '../setup/site.ts'
import type { Service, Site } from '../setup/site.ts'
import type { RealBackend } from './backend.ts'
import { clear } from './clear.ts'

/** A whole installation, as processes of its own, whose sessions run on a real backend. */
export interface StandSite {
  readonly site: Site
  readonly api: Service
  readonly gatewayPort: number
  readonly portal: Portal
  /** Of the template whose sessions run on the backend. */
  readonly templateId: string
  close(): Promise<void>
}

export interface StandSiteOptions {
  /** In place of the backend's own: the way there is another. */
  readonly provider?: ProviderConfig
  /** Another provider, with a template of its own. */
  readonly beside?: { readonly provider: ProviderConfig; readonly template: TemplateSpec }
  readonly startLimit?: number
  readonly timings?: Partial<Timings>
}

/** Soon seen, and patient enough for a machine that has much else to do. */
const timings: Partial<Timings> = {
  databaseTimeoutMs: 5_000,
  heartbeatMs: 5_000,
  providerRetryMs: 500,
  providerRetryMaxMs: 5_000,
}

const templateName = 'stand'
export const besideName = 'beside'

export async function createStandSite(backend: RealBackend, options: StandSiteOptions = {}): Promise<StandSite> {
  const { provider: asked = backend.provider, beside, startLimit = asked.startLimit } = options
  const provider = { ...asked, startLimit }
  const aimed = (spec: TemplateSpec, { id }: ProviderConfig): TemplateSpec => ({ ...spec, provider: { id } })
  const gatewayPort = await freePort()
  const site = await createSite({
    configuration: {
      providers: [provider, ...(beside === undefined ? [] : [beside.provider])],
      templates: [
        { name: templateName, spec: aimed(backend.template, provider) },
        ...(beside === undefined ? [] : [{ name: besideName, spec: aimed(beside.template, beside.provider) }]),
      ],
      quotaDefaults: {},
    },
    timings: { ...timings, ...options.timings },
    variables: {
      CARREL_DIRECT_DOORS: 'false',
      CARREL_GATEWAY_PORT: String(gatewayPort),
      CARREL_PROVIDER_NETWORKS: [...provider.networks, ...(backend.byApi?.networks ?? [])].join(','),
      ...backend.variables,
    },
  })
  const close = async () => {
    await site.close()
    await clear(backend, site.deploymentId)
  }
  try {
    const { db, user } = site
    if (backend.posix !== undefined)
      await db
        .updateTable('account')
        .set({ posix: JSON.stringify(backend.posix) })
        .where('id', '=', user.accountId)
        .execute()
    const gateway = site.startGateway(gatewayPort)
    // Instances report to the api, wherever it listens.
    const api = await site.startApi()
    await Promise.all([gateway, site.startWorker(undefined, { CARREL_REPORT_URL: api.url })])
    const portal = createPortal({ url: api.url, user: site.user })
    const templateId = await portal.templateId(templateName)
    return { site, api, gatewayPort, portal, templateId, close }
  } catch (error) {
    await close()
    throw error
  }
}
