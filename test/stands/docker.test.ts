import { computeConformance } from '../conformance/compute.ts'
import { dockerCan, dockerHarness } from '../docker/docker-conformance.ts'
import { standCases } from './cases.ts'
import { openBackend } from './docker-backend.ts'

computeConformance('docker', dockerCan, dockerHarness)
standCases('docker', openBackend)
