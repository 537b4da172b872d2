import type { z } from '@hono/zod-openapi'
import type { Trx } from '../../db/connect.ts'
import { allRoots } from '../../db/data-roots.ts'
import { showExperiment } from '../../db/experiment-list.ts'
import type { ListedExperiment } from '../../db/experiment-list.ts'
import { getExperiment, insertExperiment, updateExperiment } from '../../db/experiments.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import { getProject } from '../../db/projects.ts'
import { stopWithdrawn } from '../../db/withdrawals.ts'
import { isUnderRoots } from '../../domain/data-roots.ts'
import { defaultAccessRule } from '../../domain/experiment.ts'
import type { ExperimentDataset } from '../../domain/experiment.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, ExperimentId } from '../../domain/ids.ts'
import { checkPosix } from '../../domain/posix.ts'
import type { PosixRule } from '../../domain/posix.ts'
import { catalogueNames, saidElsewhere } from '../catalogue-words.ts'
import { change, createOnce } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed } from '../env.ts'
import { posixRuleOf } from '../posix-rule.ts'
import { invalid, notFound } from '../problem.ts'
import { changedMeanwhile } from '../versions.ts'
import type { ExperimentCreate, ExperimentPatch } from './schemas.ts'

type Using = Pick<Services, 'db' | 'settings'>

/** The experiment, as the account sees it. Throws 404. */
export async function readExperiment({ db }: Using, id: ExperimentId, accountId: AccountId): Promise<ListedExperiment> {
  const experiment = await showExperiment(db, id, accountId)
  if (experiment === null) throw notFound('experiment')
  return experiment
}

/** Makes an experiment of a project. */
export async function addExperiment(
  { db, settings }: Using,
  deed: Deed,
  intent: IntentKey,
  asked: z.output<typeof ExperimentCreate>,
): Promise<ExperimentId> {
  const id = newId('experiment')
  const made = await createOnce(db, deed, intent, { kind: 'experiment', id }, async () => async (trx) => {
    if ((await getProject(trx, asked.projectId)) === null)
      throw invalid('/projectId', 'There is no such project.', 'not_found')
    await checkSite(trx, asked, posixRuleOf(settings))
    checkDates(asked)
    await insertExperiment(trx, { id, ...asked })
  })
  return made.id
}

/** Changes an experiment that people made. What is left out stays. */
export async function changeExperiment(
  { db, settings }: Using,
  deed: Deed,
  id: ExperimentId,
  patch: z.output<typeof ExperimentPatch>,
  versions: readonly number[] | null,
): Promise<void> {
  await change(db, deed, { kind: 'experiment', id }, async (trx) => {
    await checkSite(trx, patch, posixRuleOf(settings))
    const set = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined))
    const rule = settings.access ?? defaultAccessRule
    const outcome = await updateExperiment(trx, id, set, { versions, rule, catalogues: catalogueNames(settings) })
    if (outcome === 'absent') throw notFound('experiment')
    if (outcome === 'changed') throw changedMeanwhile()
    if (outcome === 'sourced') throw saidElsewhere('what it is', (await getExperiment(trx, id))?.source ?? null)
    const now = await getExperiment(trx, id)
    if (now === null) throw notFound('experiment')
    checkDates(now)
    await stopWithdrawn(trx, settings.withdrawn, now.projectId)
  })
}

interface SiteWords {
  readonly posix?: { readonly uid: number; readonly gid: number } | null | undefined
  readonly datasets?: readonly ExperimentDataset[] | undefined
}

/** Paths lie where the site's data does, and numbers are people's. */
async function checkSite(trx: Trx, { posix, datasets = [] }: SiteWords, rule: PosixRule): Promise<void> {
  const [fault] = posix ? checkPosix({ user: 'experiment', gids: [], ...posix }, rule) : []
  if (fault !== undefined) throw invalid(`/posix/${fault.field}`, fault.message)
  const roots = datasets.length === 0 ? [] : await allRoots(trx)
  const lost = datasets.findIndex(({ path }) => !isUnderRoots(path, roots))
  if (lost >= 0) throw invalid(`/datasets/${lost}/path`, 'It lies below none of the data roots of this site.')
}

function checkDates({ starts, ends }: { readonly starts: string | null; readonly ends: string | null }): void {
  if (starts !== null && ends !== null && ends < starts.slice(0, ends.length))
    throw invalid('/ends', 'It ends before it begins.')
}
