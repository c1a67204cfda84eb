using System.Text.Json;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Families;

/// <summary>
/// Writes a checkpoint in the authors' own LLaVA layout as one Hugging Face folder: CLIP tower included, weights in their
/// stored types as safetensors, the vocabulary extended by the picture token.
/// </summary>
public static class ModelConverter
{
    /// <summary>Hugging Face pads vocabularies to a multiple of this.</summary>
    private const int VocabularyMultiple = 64;

    private static readonly string[] s_tokenizerFiles = ["tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json"];

    /// <param name="source">The model's folder.</param>
    /// <param name="target">A folder that does not exist or is empty.</param>
    /// <param name="visionTower">Folder of the CLIP tower; null: found from the configuration.</param>
    /// <param name="cancellation">Checked between tensors; nothing is left behind.</param>
    /// <exception cref="InputException">The source is not in that layout, or the target is not empty.</exception>
    public static void Convert(string source, string target, string? visionTower, CancellationToken cancellation)
    {
        if (File.Exists(target) || (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any()))
            throw new InputException($"{target} exists and is not an empty folder; name a new one");
        var model = ModelFamilies.Read(source, visionTower);
        if (model is not LlavaFamily family || model is LlavaNextFamily)
            throw new InputException($"{source} is {model.Description.Family}; the conversion is for LLaVA-1.5 in the authors' layout");
        if (family.Description.Layout != "original")
            throw new InputException($"{source} is in the {family.Description.Layout} layout already");
        if (family.Tokenizer.IdOf(ModelFamily.PictureMarker) is not null)
            throw new InputException($"the tokenizer of {source} has a picture token already, which this conversion does not expect");
        using var checkpoint = family.OpenCheckpoint();
        Write(family, checkpoint, source, target, cancellation);
    }

    private static void Write(LlavaFamily family, Checkpoint checkpoint, string source, string target, CancellationToken cancellation)
    {
        // written beside the target and moved, so that a failure leaves no half model
        var temporary = $"{Path.TrimEndingDirectorySeparator(target)}.{Environment.ProcessId}.tmp";
        Directory.CreateDirectory(temporary);
        try
        {
            var pictureToken = family.Tokenizer.MaxId + 1;
            var vocabulary = (pictureToken + 2 + VocabularyMultiple - 1) / VocabularyMultiple * VocabularyMultiple;
            foreach (var name in s_tokenizerFiles)
            {
                if (File.Exists(Path.Combine(source, name))) File.Copy(Path.Combine(source, name), Path.Combine(temporary, name));
            }

            File.WriteAllText(Path.Combine(temporary, "added_tokens.json"), $"{{\n  \"<image>\": {pictureToken},\n  \"<pad>\": {pictureToken + 1}\n}}\n");
            File.Copy(family.PreprocessorFile, Path.Combine(temporary, "preprocessor_config.json"));
            File.WriteAllBytes(Path.Combine(temporary, "config.json"), Configuration(family.Description, pictureToken, vocabulary));
            WriteWeights(Path.Combine(temporary, "model.safetensors"), checkpoint, vocabulary, cancellation);
            if (Directory.Exists(target)) Directory.Delete(target);
            Directory.Move(temporary, target);
        }
        catch
        {
            Directory.Delete(temporary, recursive: true);
            throw;
        }
    }

    private static void WriteWeights(string path, Checkpoint checkpoint, int vocabulary, CancellationToken cancellation)
    {
        var tensors = checkpoint.Names.Order(StringComparer.Ordinal).Select(name => (Name: name, Tensor: checkpoint.Get(name))).ToList();
        using var writer = SafetensorsWriter.Create(path, [.. tensors.Select(t => new TensorDeclaration(t.Name, t.Tensor.Type, IsVocabulary(t.Name) ? [vocabulary, t.Tensor.Shape[1]] : t.Tensor.Shape))]);
        foreach (var (name, tensor) in tensors)
        {
            cancellation.ThrowIfCancellationRequested();
            writer.Write(name, tensor);
            if (IsVocabulary(name)) WriteMeanRows(writer, name, tensor, vocabulary - (int)tensor.Shape[0]);
        }

        writer.Complete();
    }

    private static bool IsVocabulary(string name) => name is "language_model.model.embed_tokens.weight" or "language_model.lm_head.weight";

    /// <summary>New rows are the mean of the others: a logit of such a row is the mean logit and never the largest.</summary>
    private static void WriteMeanRows(SafetensorsWriter writer, string name, StoredTensor tensor, int rows)
    {
        int oldRows = (int)tensor.Shape[0], width = (int)tensor.Shape[1];
        var values = new float[tensor.ElementCount];
        tensor.ReadSingles(values);
        var mean = new double[width];
        for (long i = 0; i < values.LongLength; i++) mean[i % width] += values[i] / oldRows;
        var size = (int)(tensor.ByteLength / tensor.ElementCount);
        var row = new byte[width * size];
        for (var i = 0; i < width; i++)
        {
            var value = (float)mean[i];
            var destination = row.AsSpan(i * size, size);
            if (tensor.Type == StoredType.Float16) BitConverter.TryWriteBytes(destination, (Half)value);
            else if (tensor.Type == StoredType.BFloat16) BitConverter.TryWriteBytes(destination, (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16));
            else BitConverter.TryWriteBytes(destination, value);
        }

        for (var i = 0; i < rows; i++) writer.Write(name, row);
    }

    private static byte[] Configuration(ModelDescription model, int pictureToken, int vocabulary)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteStartArray("architectures");
            json.WriteStringValue("LlavaForConditionalGeneration");
            json.WriteEndArray();
            json.WriteString("model_type", "llava");
            json.WriteNumber("image_token_index", pictureToken);
            json.WriteNumber("pad_token_id", pictureToken + 1);
            json.WriteString("projector_hidden_act", "gelu");
            json.WriteString("vision_feature_select_strategy", "default");
            json.WriteNumber("vision_feature_layer", model.VisionLayersRun - model.Vision.Layers - 1);
            json.WriteBoolean("tie_word_embeddings", false);
            WriteLanguage(json, model.Language, vocabulary);
            WriteVision(json, model.Vision);
            json.WriteEndObject();
        }

        return [.. stream.ToArray(), (byte)'\n'];
    }

    private static void WriteLanguage(Utf8JsonWriter json, Language.LanguageConfig l, int vocabulary)
    {
        json.WriteStartObject("text_config");
        json.WriteString("model_type", l.Architecture);
        json.WriteString("hidden_act", "silu");
        json.WriteNumber("hidden_size", l.HiddenSize);
        json.WriteNumber("intermediate_size", l.IntermediateSize);
        json.WriteNumber("num_hidden_layers", l.Layers);
        json.WriteNumber("num_attention_heads", l.Heads);
        json.WriteNumber("num_key_value_heads", l.KeyValueHeads);
        json.WriteNumber("max_position_embeddings", l.ContextLength);
        json.WriteNumber("rms_norm_eps", l.RmsNormEpsilon);
        json.WriteNumber("rope_theta", l.RopeTheta);
        json.WriteNumber("vocab_size", vocabulary);
        json.WriteEndObject();
    }

    private static void WriteVision(Utf8JsonWriter json, Vision.VisionConfig v)
    {
        json.WriteStartObject("vision_config");
        json.WriteString("model_type", "clip_vision_model");
        json.WriteString("hidden_act", "quick_gelu");
        json.WriteNumber("hidden_size", v.HiddenSize);
        json.WriteNumber("intermediate_size", v.IntermediateSize);
        json.WriteNumber("num_hidden_layers", v.Layers);
        json.WriteNumber("num_attention_heads", v.Heads);
        json.WriteNumber("image_size", v.ImageSize);
        json.WriteNumber("patch_size", v.PatchSize);
        json.WriteNumber("layer_norm_eps", v.LayerNormEpsilon);
        json.WriteEndObject();
    }
}
