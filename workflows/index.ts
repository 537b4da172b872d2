export { interceptors } from './interceptors.ts'
export { observeWorkflow } from './observe.ts'
export { sessionWorkflow } from './session.ts'
export { teardownWorkflow } from './teardown.ts'
