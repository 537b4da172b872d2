import type { ComputeProvider, InstanceState } from './provider.ts'

/**
 * The same provider; `told` hears of each state that its driver's table does not name, in the backend's word. What was not understood
 * changes nothing, so somebody must be told.
 */
export function tellingOfStates(provider: ComputeProvider, told: (state: string) => void): ComputeProvider {
  const heard = (state: InstanceState): InstanceState => {
    if (state.kind === 'unknown' && state.unnamed !== undefined) told(state.unnamed)
    return state
  }
  const { pause, resume } = provider
  return {
    ...provider,
    // A driver may learn what its backend can do.
    get capabilities() {
      return provider.capabilities
    },
    inspect: async (ref, call) => heard(await provider.inspect(ref, call)),
    async *list(deploymentId, call) {
      for await (const instance of provider.list(deploymentId, call)) {
        heard(instance.state)
        yield instance
      }
    },
    ...(pause === undefined ? {} : { pause: async (ref, call) => heard(await pause(ref, call)) }),
    ...(resume === undefined ? {} : { resume: async (ref, call) => heard(await resume(ref, call)) }),
  }
}
