import { z } from 'zod'
import type { CheckFinding } from '../../../domain/provider-check.ts'
import type { CheckAsk } from '../provider.ts'
import type { CreateDeps } from './create.ts'
import { EngineError } from './engine.ts'
import { findImage } from './image.ts'

const machineShape = z.object({ OSType: z.string(), NCPU: z.number(), MemTotal: z.number() })

const missing = (code: CheckFinding['code'], about?: string): CheckFinding => ({
  code,
  level: 'missing',
  ...(about === undefined ? {} : { about }),
})
const warning = (code: CheckFinding['code'], about: string): CheckFinding => ({ code, level: 'warning', about })

/** Whether the daemon answers, is of a kind that the driver knows, and has what templates name. Makes nothing. */
export async function checkDaemon(
  { engine, settings, egress }: CreateDeps,
  { templates }: CheckAsk,
  signal: AbortSignal,
): Promise<CheckFinding[]> {
  try {
    const machine = await engine.json('GET', '/info', machineShape, signal)
    const rules = egress.enforced ? [] : [warning('not_checked', 'egress rules')]
    return [
      ...(machine.OSType === 'linux' ? [] : [missing('version_unsupported', machine.OSType)]),
      ...rules,
      ...tooLarge(machine, templates),
      // What may be fetched is only known once it was.
      ...(settings.pull ? [] : await missingImages()),
    ]
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    return [missing(error.status === 401 || error.status === 403 ? 'credentials_refused' : 'unreachable')]
  }

  async function missingImages(): Promise<CheckFinding[]> {
    const found: CheckFinding[] = []
    for (const image of new Set(templates.map((template) => template.image)))
      if ((await findImage(engine, image, signal)) === null) found.push(missing('image_missing', image))
    return found
  }
}

/** Sizes that the whole machine does not have. */
const tooLarge = (machine: z.output<typeof machineShape>, templates: CheckAsk['templates']): CheckFinding[] =>
  templates.flatMap(({ image, sizes }) =>
    sizes
      .filter(({ cpuMilli, memoryMib }) => cpuMilli > machine.NCPU * 1_000 || memoryMib * 1_024 ** 2 > machine.MemTotal)
      .map(({ name }) => warning('quota_exhausted', `size ${name} of ${image}`)),
  )
