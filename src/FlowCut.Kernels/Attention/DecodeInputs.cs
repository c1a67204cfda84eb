namespace FlowCut.Kernels.Transformer;

/// <summary>What decoding attention reads. Lengths and places lie on the device, so that a captured graph serves every step.</summary>
/// <param name="Query">[sequences, heads·head size]: one new token for each sequence; rotated already where the model rotates.</param>
/// <param name="KeyCache">[cache rows, key/value heads·head size], of the query's type.</param>
/// <param name="ValueCache">[cache rows, key/value heads·head size], of the query's type.</param>
/// <param name="FirstRows">[sequences] on the device: the cache row of a sequence's first key.</param>
/// <param name="Lengths">[sequences] on the device: keys of a sequence, the new token's included. Not checked: the rows have to exist.</param>
/// <param name="MaxLength">No sequence has more keys; decides into how many parts the work is split.</param>
public readonly record struct DecodeInputs(DeviceMatrix Query, DeviceMatrix KeyCache, DeviceMatrix ValueCache, DeviceArray<int> FirstRows, DeviceArray<int> Lengths, int MaxLength);

/// <summary>Working memory of decoding attention. One set serves any number of launches in one stream, one after the other.</summary>
/// <param name="Partial">At least <see cref="DecodeAttention.PartialLength"/> values; need not be initialised.</param>
/// <param name="Arrivals">At least sequences·heads counters, 0 before the first launch; every launch leaves them 0.</param>
public readonly record struct DecodeWorkspace(DeviceArray<float> Partial, DeviceArray<int> Arrivals);
