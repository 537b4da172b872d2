import { computeConformance } from '../conformance/compute.ts'
import { dockerCan, dockerHarness } from './docker-conformance.ts'

computeConformance('docker', dockerCan, dockerHarness)
