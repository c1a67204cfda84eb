using System.Text;
using FlowCut.Models.Families;

namespace FlowCut.Models.Benchmarking;

/// <summary>Configurations of published models, as far as shapes follow from them.</summary>
internal static class SyntheticConfigs
{
    private const string ClipLarge = """
        "vision_config": { "model_type": "clip_vision_model", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 336, "patch_size": 14 }
        """;

    private static readonly Dictionary<string, string> s_configs = new(StringComparer.Ordinal)
    {
        ["llava-1.5-7b"] = $$"""
            {
              "model_type": "llava", "image_token_index": 32000, "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
              {{ClipLarge}},
              "text_config": { "model_type": "llama", "max_position_embeddings": 4096, "rms_norm_eps": 1e-05, "vocab_size": 32064 }
            }
            """,
        ["llava-next-7b"] = $$"""
            {
              "model_type": "llava_next", "image_token_index": 32000, "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
              "image_grid_pinpoints": [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]],
              {{ClipLarge}},
              "text_config": { "model_type": "llama", "max_position_embeddings": 4096, "rms_norm_eps": 1e-05, "vocab_size": 32064 }
            }
            """,
        ["qwen2-vl-7b"] = """
            {
              "model_type": "qwen2_vl", "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
              "vocab_size": 152064, "max_position_embeddings": 32768, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "tie_word_embeddings": false,
              "torch_dtype": "bfloat16", "rope_scaling": { "type": "mrope", "mrope_section": [16, 24, 24] },
              "vision_config": { "depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "num_heads": 16, "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2 }
            }
            """,
        ["internvl2-8b"] = """
            {
              "model_type": "internvl_chat", "template": "internlm2-chat", "ps_version": "v2", "select_layer": -1, "downsample_ratio": 0.5, "torch_dtype": "bfloat16",
              "force_image_size": 448, "dynamic_image_size": true, "use_thumbnail": true, "min_dynamic_patch": 1, "max_dynamic_patch": 12,
              "llm_config": {
                "model_type": "internlm2", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
                "vocab_size": 92553, "max_position_embeddings": 32768, "rms_norm_eps": 1e-05, "rope_theta": 1000000
              },
              "vision_config": {
                "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 448, "patch_size": 14,
                "layer_norm_eps": 1e-06, "norm_type": "layer_norm", "qkv_bias": true, "qk_normalization": false
              }
            }
            """,
    };

    public static IEnumerable<string> Names => s_configs.Keys;

    /// <summary>A family without a folder: shapes and names, no tokenizer and no files.</summary>
    public static ModelFamily Read(string name) => ModelFamilies.Read("", JsonSection.Parse($"the configuration of {name}", Encoding.UTF8.GetBytes(s_configs[name])), null);
}
