import type { TemplateSpec } from '../../domain/template.ts'
import type { Site } from '../setup/site.ts'

/**
 * What workers of the site must be told so that instances of the template can report their ports: an api is started for them.
 * Nothing where they do not report any. `here`: how they reach this machine, where they are not on it.
 */
export async function hearing(
  site: Site,
  { template, here }: { readonly template: TemplateSpec; readonly here: string | null },
): Promise<Readonly<Record<string, string>>> {
  if (template.reportedPorts === undefined) return {}
  const { url } = await site.startApi(here === null ? {} : { CARREL_API_HOST: '0.0.0.0' })
  return { CARREL_REPORT_URL: here === null ? url : `http://${here}:${new URL(url).port}` }
}
