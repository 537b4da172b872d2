import type { z } from '@hono/zod-openapi'
import type { Db, Trx } from '../../db/connect.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import type { ProviderOverview } from '../../db/provider-overview.ts'
import { changeProvider, insertProvider, lockProvider } from '../../db/provider-registry.ts'
import type { LockedProvider, ProviderSettings } from '../../db/provider-registry.ts'
import { reopenProvider, shutProvider } from '../../db/provider-shut.ts'
import type { ProviderId } from '../../domain/ids.ts'
import type { Given } from '../../ports/compute/api-settings.ts'
import { change, createOnce } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed } from '../env.ts'
import { invalid, notFound, Problem } from '../problem.ts'
import { changedMeanwhile } from '../versions.ts'
import { readProvider } from './commands.ts'
import type { ProviderCreate, ProviderPatch } from './registry-schemas.ts'
import { checkNetworks, checkSettings, kindOf } from './settings.ts'

type Registry = Pick<Services, 'db' | 'settings' | 'sealProviderSecrets'>

/** Makes a provider, once per key. Throws 422 for what its kind or the deployment does not allow, 409 where the id is taken. */
export async function createProvider(
  { db, settings: rules, sealProviderSecrets }: Registry,
  deed: Deed,
  intent: IntentKey,
  asked: z.output<typeof ProviderCreate>,
): Promise<ProviderOverview> {
  const { id, kind, settings, secrets } = asked
  const said = withSettings(deed, settings)
  const made = await createOnce(db, said, intent, { kind: 'provider', id }, async () => {
    checkSettings(kindOf(kind, rules), { settings, secrets }, rules)
    checkNetworks(kind, asked.networks, rules)
    const sealed = sealedSettings(id, settings, secrets, sealProviderSecrets)
    return async (trx) => {
      if ((await insertProvider(trx, { ...asked, ...sealed })) === 'taken')
        throw new Problem('name_taken', 'There is a provider of this id, or was one.', {
          errors: [{ in: 'body', pointer: '/id', message: 'This id is taken.' }],
        })
    }
  })
  return await readProvider(db, made.id)
}

/** Changes what is given. Throws 412 if it changed since it was read, 409 of one that configuration made, 422 as above. */
export async function patchProvider(
  { db, settings: rules, sealProviderSecrets }: Registry,
  deed: Deed,
  id: ProviderId,
  asked: z.output<typeof ProviderPatch>,
  versions: readonly number[] | null,
): Promise<ProviderOverview> {
  const { settings, secrets, startLimit, networks, classes } = asked
  const said = settings === undefined ? deed : withSettings(deed, settings)
  await change(db, said, { kind: 'provider', id }, async (trx) => {
    const present = await writable(trx, id)
    if (versions !== null && !versions.includes(present.version)) throw changedMeanwhile()
    if (networks !== undefined) checkNetworks(present.kind, networks, rules)
    const both = bothOf(present, settings, secrets)
    if (both !== null) checkSettings(kindOf(present.kind, rules), both, rules)
    await changeProvider(trx, id, {
      startLimit,
      networks,
      classes,
      ...(both === null ? {} : { settings: sealedSettings(id, both.settings, both.secrets, sealProviderSecrets) }),
    })
  })
  return await readProvider(db, id)
}

/**
 * Settings and secrets as they are to be, both; `null`: as they are. Where the settings change the secrets are given again, or they
 * could be sent to wherever somebody points who does not know them.
 */
function bothOf(present: LockedProvider, settings: Given | undefined, secrets: Given | undefined) {
  if (settings === undefined && secrets === undefined) return null
  if (settings !== undefined && secrets === undefined && present.secretNames.length > 0)
    throw invalid('/secrets', 'Give the secrets again: they go nowhere but where they were given for.')
  return { settings: settings ?? present.settings, secrets: secrets ?? {} }
}

/** Takes it out of service. Throws 409 of one that configuration made. Repeats change nothing. */
export async function disable(db: Db, deed: Deed, id: ProviderId): Promise<ProviderOverview> {
  await change(db, deed, { kind: 'provider', id }, async (trx) => {
    await writable(trx, id)
    await shutProvider(trx, id, 'disabled')
  })
  return await readProvider(db, id)
}

/** Puts it into service again. Throws 409 of one that configuration made. Repeats change nothing. */
export async function enable(db: Db, deed: Deed, id: ProviderId): Promise<ProviderOverview> {
  await change(db, deed, { kind: 'provider', id }, async (trx) => {
    await writable(trx, id)
    await reopenProvider(trx, id, 'disabled')
  })
  return await readProvider(db, id)
}

async function writable(trx: Trx, id: ProviderId): Promise<LockedProvider> {
  const provider = await lockProvider(trx, id)
  if (provider === null) throw notFound('provider')
  if (provider.origin === 'configuration')
    throw new Problem('configured', "This provider comes from the site's configuration and is changed there.")
  return provider
}

/** What an accepted command's line in the audit keeps of the settings: all that is not secret. */
const withSettings = (deed: Deed, settings: Given): Deed => ({ ...deed, detail: { ...deed.detail, settings } })

function sealedSettings(
  id: ProviderId,
  settings: Given,
  secrets: Given,
  seal: Services['sealProviderSecrets'],
): ProviderSettings {
  const secretNames = Object.keys(secrets).sort()
  return { settings, secretNames, secrets: secretNames.length === 0 ? null : seal(id, JSON.stringify(secrets)) }
}
