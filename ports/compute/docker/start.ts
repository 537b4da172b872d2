import type { InstanceSpec } from '../provider.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { Refusal } from '../refusal.ts'
import type { DockerSettings } from './settings.ts'
import type { ContainerShape } from './shapes.ts'
import { secretFile } from './spec.ts'
import { tar } from './tar.ts'
import { identityOf } from './user.ts'

/** Words of the runtime that say that the image or its command is at fault: trying again would not help. */
const hopeless =
  /exec: |executable file not found|no such file|permission denied|exec format|chdir to cwd|(is|not) a directory/i

/** Gives a made container its secret. Throws `Refusal` for root where it is not allowed. */
export async function giveSecret(
  engine: Engine,
  spec: InstanceSpec,
  container: ContainerShape,
  settings: Pick<DockerSettings, 'allowRootImages'>,
  signal: AbortSignal,
): Promise<void> {
  const identity = await identityOf(engine, container.Id, container.Config.User, signal)
  if (identity === null) throw new Refusal('start_failed', `the image does not know its user ${container.Config.User}`)
  if (identity.uid === 0 && !settings.allowRootImages.includes(spec.image))
    throw new Refusal('start_failed', 'the image runs as root, which is not allowed for it')

  const directory = secretFile.slice(1, secretFile.lastIndexOf('/'))
  const archive = tar([
    { path: directory, content: null, mode: 0o755 },
    { path: secretFile.slice(1), content: Buffer.from(spec.secret), mode: 0o400, ...identity },
  ])
  await engine.done('PUT', `/containers/${container.Id}/archive`, signal, { query: { path: '/' }, archive })
}

/** Starts it. A second start of a running one is "already so". Throws `Refusal` for a program that cannot be run. */
export async function startContainer(engine: Engine, container: ContainerShape, signal: AbortSignal): Promise<void> {
  try {
    await engine.done('POST', `/containers/${container.Id}/start`, signal)
  } catch (error) {
    if (error instanceof EngineError && error.status !== null && hopeless.test(error.message))
      throw new Refusal('start_failed', error.message)
    throw error
  }
}
