namespace FlowCut.Models.Cases;

/// <summary>The golden answers of the families beside LLaVA-1.5: where they lie, which there are, how exact they are, what is not in a trace.</summary>
public static class FamilyGoldens
{
    private static readonly string[] s_internVl =
        ["groups-square-t4", "groups-square-t8", "groups-tall-t4", "groups-tall-t8", "groups-tall-t8-ragged", "groups-wide-t4", "unpruned-square", "unpruned-tall", "unpruned-wide"];

    /// <summary>Folder below the goldens, and the names of its cases.</summary>
    public static IReadOnlyDictionary<string, string[]> Cases { get; } = new Dictionary<string, string[]>
    {
        ["traces/llava-next-tiny"] = [.. new[] { "chelsea", "coffee-wide", "rocket-tall" }.SelectMany(picture => new[] { "full", "t16", "t32" }.Select(budget => $"{picture}-{budget}"))],
        ["llava-next-mistral-tiny"] = ["unpruned-tall", "pruned-tall-t16", "pruned-tall-t32"],
        ["llava-siglip-tiny"] = ["unpruned-cat", "unpruned-cup", "full-cat-t12", "full-cat-t32", "full-cup-t12", "full-cup-t32", "attention-density-cat-t12"],
        ["qwen2-vl-tiny"] =
        [
            "unpruned-tall", "unpruned-two", "unpruned-wide", "groups-full-wide-t8", "groups-tall-t6", "groups-tall-t20", "groups-wide-t8", "groups-wide-t16",
            "released-tall-t6", "released-wide-t8",
        ],
        ["internvl2-tiny-internlm2"] = s_internVl,
        ["internvl2-tiny-qwen2"] = s_internVl,
    };

    /// <summary>What a folder's README recommends for fp32: of the largest value, entropy ratios and pixels as they are.</summary>
    public static Func<string, double> Tolerance(string folder)
    {
        if (folder.Contains("llava-next", StringComparison.Ordinal)) return TensorDifferences.Tolerance;
        var ratio = folder == "llava-siglip-tiny" ? 2e-5 : 1e-5;
        var pixels = folder == "llava-siglip-tiny" ? 1e-6 : 2e-6;
        return name => name[(name.LastIndexOf('.') + 1)..] switch
        {
            "entropy_ratio" => ratio,
            "pixel_values" => pixels,
            "cls_attention" or "attention" or "semantic" or "score" or "cumulative" => 1e-4,
            "density" => 1e-5,
            "logits" => 5e-5,
            _ => 3e-5,
        };
    }

    /// <summary>
    /// What a trace does not hold, because it is said by other tensors or is no result of ours to show: where rows stand, in which order
    /// tokens go in, the decoder's input, and short forms of the pixels. The library's own steps are compared with these.
    /// </summary>
    public static bool IsOutsideTrace(string name) =>
        name.StartsWith("language.position_ids", StringComparison.Ordinal)
        || name is "visual.order" or "language.inputs" or "language.layer.2.position_ids" or "language.decode_position_ids" or "language.rope_delta"
            or "vision.pixel_values.row_sums" or "vision.pixels_u8";
}
