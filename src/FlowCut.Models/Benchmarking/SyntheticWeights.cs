using FlowCut.Models.Checkpoints;
using FlowCut.Models.Language;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Benchmarking;

/// <summary>Random weights under the tensor names of the parts of a model.</summary>
internal static class SyntheticWeights
{
    public static void AddClip(SyntheticCheckpoint checkpoint, ClipConfig config, string prefix, int layersRun)
    {
        int d = config.HiddenSize, p = config.PatchSize;
        checkpoint.AddMatrix(prefix + "embeddings.patch_embedding.weight", d, 3, p, p);
        checkpoint.AddMatrix(prefix + "embeddings.position_embedding.weight", config.Patches + 1, d);
        checkpoint.AddVector(prefix + "embeddings.class_embedding", d, 0.01f);
        AddNorm(checkpoint, prefix + "pre_layrnorm", d);
        for (var i = 0; i < layersRun; i++)
        {
            var layer = $"{prefix}encoder.layers.{i}.";
            AddNorm(checkpoint, layer + "layer_norm1", d);
            AddNorm(checkpoint, layer + "layer_norm2", d);
            foreach (var name in new[] { "q_proj", "k_proj", "v_proj", "out_proj" }) AddLinear(checkpoint, $"{layer}self_attn.{name}", d, d);
            AddLinear(checkpoint, layer + "mlp.fc1", config.IntermediateSize, d);
            AddLinear(checkpoint, layer + "mlp.fc2", d, config.IntermediateSize);
        }
    }

    public static void AddProjector(SyntheticCheckpoint checkpoint, string first, string second, int inputs, int outputs)
    {
        AddLinear(checkpoint, first, outputs, inputs);
        AddLinear(checkpoint, second, outputs, outputs);
    }

    public static void AddLlama(SyntheticCheckpoint checkpoint, LlamaConfig config, string prefix)
    {
        int d = config.HiddenSize, attention = config.Heads * config.HeadSize, keyValue = config.KeyValueHeads * config.HeadSize;
        checkpoint.AddMatrix(prefix + "model.embed_tokens.weight", config.VocabularySize, d);
        checkpoint.AddMatrix(prefix + "lm_head.weight", config.VocabularySize, d);
        checkpoint.AddVector(prefix + "model.norm.weight", d, 1);
        for (var i = 0; i < config.Layers; i++)
        {
            var layer = $"{prefix}model.layers.{i}.";
            checkpoint.AddVector(layer + "input_layernorm.weight", d, 1);
            checkpoint.AddVector(layer + "post_attention_layernorm.weight", d, 1);
            checkpoint.AddMatrix(layer + "self_attn.q_proj.weight", attention, d);
            checkpoint.AddMatrix(layer + "self_attn.k_proj.weight", keyValue, d);
            checkpoint.AddMatrix(layer + "self_attn.v_proj.weight", keyValue, d);
            checkpoint.AddMatrix(layer + "self_attn.o_proj.weight", d, attention);
            checkpoint.AddMatrix(layer + "mlp.gate_proj.weight", config.IntermediateSize, d);
            checkpoint.AddMatrix(layer + "mlp.up_proj.weight", config.IntermediateSize, d);
            checkpoint.AddMatrix(layer + "mlp.down_proj.weight", d, config.IntermediateSize);
        }
    }

    private static void AddLinear(SyntheticCheckpoint checkpoint, string name, int outputs, int inputs)
    {
        checkpoint.AddMatrix(name + ".weight", outputs, inputs);
        checkpoint.AddVector(name + ".bias", outputs, 0);
    }

    private static void AddNorm(SyntheticCheckpoint checkpoint, string name, int width)
    {
        checkpoint.AddVector(name + ".weight", width, 1);
        checkpoint.AddVector(name + ".bias", width, 0);
    }
}
