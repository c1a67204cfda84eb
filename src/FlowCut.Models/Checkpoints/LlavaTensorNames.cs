namespace FlowCut.Models.Checkpoints;

/// <summary>
/// Brings the three naming schemes of LLaVA checkpoints to one, that of transformers before 4.52:
/// <c>language_model.model.*</c>, <c>language_model.lm_head.*</c>, <c>vision_tower.*</c>, <c>multi_modal_projector.*</c>, <c>image_newline</c>.
/// A null result means that the tensor is not used: rotary frequencies and position ids follow from the configuration.
/// </summary>
public static class LlavaTensorNames
{
    // transformers: LlavaForConditionalGeneration._checkpoint_conversion_mapping, backwards; first match wins
    private static readonly (string From, string To)[] s_huggingFace =
    [
        ("model.language_model.", "language_model.model."),
        ("lm_head.", "language_model.lm_head."),
        ("model.vision_tower.", "vision_tower."),
        ("model.multi_modal_projector.", "multi_modal_projector."),
        ("model.image_newline", "image_newline"),
    ];

    // transformers: convert_llava_weights_to_hf.py
    private static readonly (string From, string To)[] s_original =
    [
        ("model.mm_projector.0.", "multi_modal_projector.linear_1."),
        ("model.mm_projector.2.", "multi_modal_projector.linear_2."),
        ("model.vision_tower.vision_tower.", "vision_tower."),
        ("model.image_newline", "image_newline"),
        ("lm_head.", "language_model.lm_head."),
        ("model.", "language_model.model."),
    ];

    private static readonly (string From, string To)[] s_clip = [("vision_model.", "vision_tower.vision_model.")];

    /// <summary>A Hugging Face checkpoint, saved by transformers before or since 4.52.</summary>
    public static string? FromHuggingFace(string name) => IsDerived(name) ? null : Replace(name, s_huggingFace) ?? name;

    /// <summary>A checkpoint of the LLaVA repository (<c>model.mm_projector.*</c>, decoder under <c>model.*</c>).</summary>
    public static string? FromOriginal(string name) => IsDerived(name) ? null : Replace(name, s_original) ?? name;

    /// <summary>A CLIP checkpoint beside an original one: its vision tower, nothing of its text half.</summary>
    public static string? FromClip(string name) => IsDerived(name) ? null : Replace(name, s_clip);

    private static bool IsDerived(string name) =>
        name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal) || name.EndsWith(".position_ids", StringComparison.Ordinal);

    private static string? Replace(string name, (string From, string To)[] prefixes)
    {
        foreach (var (from, to) in prefixes)
        {
            if (name.StartsWith(from, StringComparison.Ordinal)) return to + name[from.Length..];
        }

        return null;
    }
}
