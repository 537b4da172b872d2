import type { CallContext, ComputeProvider, InstanceState, ObservedInstance } from '../ports/compute/provider.ts'

/** An instance that is there, in whatever state. */
export interface PresentInstance extends ObservedInstance {
  readonly state: Exclude<InstanceState, { kind: 'absent' }>
}

const isPresent = (instance: ObservedInstance): instance is PresentInstance => instance.state.kind !== 'absent'

/** Every instance that the provider has for the deployment, or `null`: a part of a list says nothing about what is missing from it. */
export async function wholeList(
  provider: ComputeProvider,
  deploymentId: string,
  call: CallContext,
): Promise<readonly PresentInstance[] | null> {
  const listed: PresentInstance[] = []
  try {
    for await (const instance of provider.list(deploymentId, call)) if (isPresent(instance)) listed.push(instance)
    return listed
  } catch {
    call.signal.throwIfAborted()
    return null
  }
}
