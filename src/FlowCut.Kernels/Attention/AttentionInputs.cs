namespace FlowCut.Kernels.Transformer;

/// <summary>What an attention pass reads. The tensors have one element type and may be slices of one matrix.</summary>
/// <param name="Query">[query rows, heads·head size]; rotated already where the model rotates.</param>
/// <param name="Key">[key rows, key/value heads·head size].</param>
/// <param name="Value">[key rows, key/value heads·head size].</param>
/// <param name="Queries">Sequences of the query rows.</param>
/// <param name="Keys">Sequences of the key rows; as many.</param>
/// <param name="Causal">Query i of a sequence with n queries and m keys sees keys 0 … m − n + i; otherwise all.</param>
public readonly record struct AttentionInputs(DeviceMatrix Query, DeviceMatrix Key, DeviceMatrix Value, DeviceSequences Queries, DeviceSequences Keys, bool Causal = false);
