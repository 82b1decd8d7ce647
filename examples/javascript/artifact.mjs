// What an artifact says of itself: metadata_props, which onnxruntime-node does not hand out.

/** The pairs of text that an .onnx file carries (field 14 of its protobuf), as an object. */
export function metadata(bytes) {
  const pairs = fields(bytes).filter(([number]) => number === 14);
  return Object.fromEntries(pairs.map(([, pair]) => fields(pair).map(([, text]) => text.toString())));
}

/** The task: columns by role, frequency, history, horizon, quantiles. */
export function taskOf(bytes) {
  const facts = metadata(bytes);
  if (facts["loopcast.format"] !== "1") throw new Error(`unknown format ${facts["loopcast.format"]}`);
  return JSON.parse(facts["loopcast.task"]);
}

function fields(bytes) {
  const found = [];
  let place = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[place++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (place < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    if (wire === 0) { varint(); continue; }
    const size = wire === 2 ? varint() : wire === 1 ? 8 : 4;
    if (wire === 2) found.push([Math.floor(tag / 8), bytes.subarray(place, place + size)]);
    place += size;
  }
  return found;
}
