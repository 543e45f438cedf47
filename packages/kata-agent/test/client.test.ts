import {
  AgentClient,
  AgentService,
  decodeMessage,
  encodeFrame,
  encodeMessage,
  encodeRequest,
  Health,
  HealthCheckResponse,
  maxFrameBytes,
  ReadStreamRequest,
  ReadStreamResponse,
  serving,
} from '@slipway/kata-agent';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { answer, type FakeAgent, fakeAgent } from './fake-agent.js';

const { method } = AgentService;
const nothing = Buffer.alloc(0);
const well = encodeMessage(HealthCheckResponse, { status: serving });
const silent = (): void => {};

describe('calls', () => {
  it('are answered, each with its own answer, in whatever order answers come', async () => {
    await using agent = await fakeAgent(({ stream, payload }, send) => {
      const { len } = decodeMessage(ReadStreamRequest, payload);
      const bytes = answer(stream, encodeMessage(ReadStreamResponse, { data: Buffer.from(`${len}`) }));
      setTimeout(() => send(bytes), 50 - len);
    });
    using client = await AgentClient.connect(agent.path);
    const lengths = Array.from({ length: 50 }, (_, len) => len);
    const answers = await Promise.all(
      lengths.map((len) => client.call(method.readStdout, { containerId: 'c', execId: 'c', len })),
    );
    expect(answers.map(({ data }) => Buffer.from(data).toString())).toEqual(lengths.map(String));
    expect(agent.asked.map(({ stream }) => stream)).toEqual(lengths.map((at) => 2 * at + 1));
    expect(agent.asked[0]).toMatchObject({ service: 'grpc.AgentService', method: 'ReadStdout', timeoutNano: 30_000_000_000n });
  });

  it('say what the agent says, by its kind, and without what would move a cursor', async () => {
    const status = (code: number, message: string) => async (): Promise<unknown> => {
      await using agent = await fakeAgent(({ stream }, send) => send(answer(stream, nothing, { code, message })));
      using client = await AgentClient.connect(agent.path);
      return await client.call(method.startContainer, { containerId: 'c' }).catch((error: unknown) => error);
    };
    expect(await status(5, 'container "c" does not exist')()).toMatchObject({
      kind: 'not-found',
      code: 'AGENT_REFUSED',
      message: 'agent of the virtual machine: StartContainer: container "c" does not exist',
      details: { method: 'StartContainer', status: 5 },
    });
    expect(await status(9, '')()).toMatchObject({
      kind: 'failed-precondition',
      message: expect.stringContaining('code 9') as string,
    });
    expect(await status(77, 'x')()).toMatchObject({ kind: 'internal' });
    const wild = (await status(13, `\u001b[2J${'x'.repeat(10_000)}\n`)()) as Error;
    expect(wild.message).not.toMatch(/\p{Cc}/u);
    expect(wild.message.length).toBeLessThan(3000);
  });

  it('end at their limit, which the agent is told; what comes later is passed over', async () => {
    const late: Buffer[] = [];
    await using agent = await fakeAgent(({ stream, method: name }, send) => {
      if (name === 'Check') send(answer(stream, well));
      else late.push(answer(stream, nothing));
    });
    using client = await AgentClient.connect(agent.path);
    await expect(client.call(method.pauseContainer, { containerId: 'c' }, { timeoutMs: 20 })).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'AGENT_UNAVAILABLE',
      message: 'agent of the virtual machine: PauseContainer: no answer within 20 ms',
    });
    // On a busy machine the limit may be over before the agent has been asked.
    await vi.waitFor(() => expect(agent.asked[0]?.timeoutNano).toBe(20_000_000n), { timeout: 30_000 });
    for (const bytes of late) agent.send(bytes);
    expect(await client.call(Health.method.check, {}, { timeoutMs: 0 })).toEqual({ status: serving });
    expect(agent.asked.at(-1)?.timeoutNano).toBe(0n);
  });

  it('are canceled by a signal, before and while they wait', async () => {
    await using agent = await fakeAgent(silent);
    using client = await AgentClient.connect(agent.path);
    const gone = AbortSignal.abort();
    await expect(client.call(Health.method.check, {}, { signal: gone })).rejects.toMatchObject({ kind: 'canceled' });
    await expect(AgentClient.connect(agent.path, gone)).rejects.toMatchObject({ kind: 'canceled' });
    const controller = new AbortController();
    const asked = client.call(Health.method.check, {}, { signal: controller.signal });
    controller.abort();
    await expect(asked).rejects.toMatchObject({ kind: 'canceled' });
  });

  it('fail when the agent goes, also those that come after', async () => {
    await using agent = await fakeAgent((_, __) => agent.hangUp());
    using client = await AgentClient.connect(agent.path);
    const [one, two] = [client.call(Health.method.check, {}), client.call(Health.method.version, {})];
    await expect(one).rejects.toMatchObject({ code: 'AGENT_UNAVAILABLE' });
    await expect(two).rejects.toMatchObject({ code: 'AGENT_UNAVAILABLE' });
    await expect(client.call(Health.method.check, {})).rejects.toMatchObject({ code: 'AGENT_UNAVAILABLE' });
    await expect(AgentClient.connect('/nowhere/agent.sock')).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('/nowhere/agent.sock') as string,
    });
  });

  it('fail when the client is closed', async () => {
    await using agent = await fakeAgent(silent);
    const client = await AgentClient.connect(agent.path);
    const asked = client.call(Health.method.check, {});
    client[Symbol.dispose]();
    await expect(asked).rejects.toMatchObject({ message: expect.stringContaining('was closed') as string });
  });

  it('that are too long are refused, and the connection stays', async () => {
    await using agent = await fakeAgent(({ stream }, send) => send(answer(stream, well)));
    using client = await AgentClient.connect(agent.path);
    const data = Buffer.alloc(maxFrameBytes);
    await expect(client.call(method.copyFile, { path: '/run/x', data })).rejects.toMatchObject({ kind: 'resource-exhausted' });
    expect(await client.call(Health.method.check, {})).toEqual({ status: serving });
  });

  it('go out in a plan as they go over a connection', async () => {
    await using agent = await fakeAgent(({ stream }, send) => send(answer(stream, nothing)));
    using client = await AgentClient.connect(agent.path);
    const request = { containerId: 'c', execId: 'e', signal: 15 };
    await client.call(method.signalProcess, request);
    const { service, method: name, payload } = encodeRequest(method.signalProcess, request);
    expect(agent.asked[0]).toMatchObject({ service, method: name });
    expect(Buffer.from(agent.asked[0]!.payload).equals(payload)).toBe(true);
  });
});

describe('a hostile agent', () => {
  const met = async (hostile: (agent: FakeAgent) => void): Promise<unknown> => {
    const agents: FakeAgent[] = [];
    await using agent = await fakeAgent(() => hostile(agents[0]!));
    agents.push(agent);
    using client = await AgentClient.connect(agent.path);
    return await client.call(Health.method.check, {}).catch((error: unknown) => error);
  };
  const response = (stream: number, payload: Buffer): Buffer => encodeFrame({ stream, type: 2, payload });

  it.each([
    ['a frame that is too long', Buffer.from('00020001000000010200', 'hex'), 'a frame of 131073 bytes'],
    ['a request', encodeFrame({ stream: 1, type: 1, payload: nothing }), 'a frame of type 1'],
    ['data of a stream', encodeFrame({ stream: 1, type: 3, payload: nothing }), 'a frame of type 3'],
    ['an answer to nothing', answer(3, well), 'an answer on stream 3, on which nothing was asked'],
    ['an answer on a stream of its own', answer(2, well), 'an answer on stream 2'],
    ['an answer that is none', response(1, Buffer.from('0a05', 'hex')), 'premature EOF'],
    ['an answer with a message that is none', answer(1, Buffer.from('0a05', 'hex')), 'the answer to Check cannot be read'],
  ])('that sends %s is not listened to any more', async (_, bytes, message) => {
    expect(await met((agent) => agent.send(bytes))).toMatchObject({
      kind: 'internal',
      code: 'AGENT_PROTOCOL',
      message: expect.stringContaining(message) as string,
    });
  });

  it('that answers twice fails what comes after', async () => {
    await using agent = await fakeAgent(({ stream }, send) => {
      send(Buffer.concat([answer(stream, well), answer(stream, well)]));
    });
    using client = await AgentClient.connect(agent.path);
    await client.call(Health.method.check, {});
    await expect(client.call(Health.method.check, {})).rejects.toMatchObject({ code: 'AGENT_PROTOCOL' });
  });

  it('that never answers does not fill the memory', async () => {
    await using agent = await fakeAgent(silent);
    using client = await AgentClient.connect(agent.path);
    const calls = Array.from({ length: 1100 }, () => client.call(Health.method.check, {}, { timeoutMs: 1 }).catch(() => {}));
    await Promise.all(calls);
    await expect(client.call(Health.method.check, {})).rejects.toMatchObject({
      message: expect.stringContaining('1024 requests are without an answer') as string,
    });
  });

  it('that greets is heard: its port is open', async () => {
    expect(
      await met((agent) => agent.send(Buffer.concat([Buffer.from('00000000000000000200', 'hex'), answer(1, well)]))),
    ).toEqual({
      status: serving,
    });
  });

  it('that sends anything at all brings an error or an answer, never silence beyond the limit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 60 }), async (bytes) => {
        await using agent = await fakeAgent((_, send) => send(Buffer.from(bytes)));
        using client = await AgentClient.connect(agent.path);
        const outcome = await client.call(Health.method.check, {}, { timeoutMs: 50 }).catch((error: unknown) => error);
        expect(outcome).toSatisfy(
          (one: { code?: string; status?: number }) => one.code?.startsWith('AGENT_') ?? one.status !== undefined,
        );
      }),
      { numRuns: 60 },
    );
  });
});
