"""Each published layout in miniature: labels, patients, tone, folds, and what must not come in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mpoxlens.datasets.sources import Source, read_source

Put = Callable[..., None]


def _rows(found: Source, *names: str) -> list[tuple[object, ...]]:
    return [tuple(getattr(item, name) for name in names) for item in found.labelled]


def _told(found: Source, root: Path) -> list[str]:
    return [str(problem).replace(str(root), "ROOT") for problem in found.problems]


def test_msld_v1_takes_the_originals_alone(root: Path, put: Put) -> None:
    originals = "Original Images/Original Images"
    put(f"{originals}/Monkey Pox/M01_01.jpg", f"{originals}/Others/NM01_01.jpg", f"{originals}/Others/NM02_01.jpg")
    put(
        "Augmented Images/Augmented Images/Monkeypox_augmented/M01_01_00.jpg",
        "Fold1/Fold1/Fold1/Test/Others/NM01_01.jpg",
    )
    put("Augmented Images/Augmented Images/Monkeypox_augmented/M01_01_01.jpg")
    found = read_source(root)
    assert found.layout == "msld_v1"
    assert _rows(found, "label", "published_label", "patient", "source") == [
        ("mpox", "Monkey Pox", "M01", "msld_v1"),
        ("other", "Others", "NM01", "msld_v1"),
        ("other", "Others", "NM02", "msld_v1"),
    ]
    augmented, fold = _told(found, root)
    assert augmented.startswith(
        "ROOT: 2 photos are left out (Augmented Images/Augmented Images/Monkeypox_augmented/M01"
    )
    assert fold.startswith("ROOT: 1 photo is left out (Fold1/Fold1/Fold1/Test/Others/NM01_01.jpg): the shipped")


def _msld_v2(put: Put) -> None:
    """Three photographs of two patients in two folds; each is tested in one."""
    base = "Original Images/Original Images/FOLDS"
    for name, folder, tested in (
        ("MKP_17_01.jpg", "Monkeypox", 1),
        ("MKP_17_02.jpg", "Monkeypox", 1),
        ("CHP_17_01.jpg", "Chickenpox", 2),
    ):
        for fold in (1, 2):
            put(f"{base}/fold{fold}/{'Test' if fold == tested else 'Train'}/{folder}/{name}", like=name)
    put("Augmented Images/Augmented Images/FOLDS_AUG/fold1_AUG/Train/Monkeypox/MKP_17_01_3.jpg")


def test_msld_v2_reads_each_photo_once_with_its_patient_and_fold(root: Path, put: Put) -> None:
    _msld_v2(put)
    found = read_source(root)
    assert found.layout == "msld_v2"
    assert _rows(found, "label", "patient", "fold") == [
        ("mpox", "MKP_17", "fold1"),
        ("mpox", "MKP_17", "fold1"),
        ("chickenpox", "CHP_17", "fold2"),  # patients are numbered anew in each class
    ]
    augmented, repeated = _told(found, root)
    assert augmented.startswith("ROOT: 1 photo is left out (Augmented Images/")
    assert "3 photos are left out" in repeated
    assert "the same file in another fold" in repeated


def test_msld_v2_tells_a_name_with_two_contents_and_a_wrong_folder(root: Path, put: Put) -> None:
    put("FOLDS/fold1/Train/Measles/MSL_01_01.jpg", "FOLDS/fold2/Test/Measles/MSL_01_01.jpg")
    put("FOLDS/fold1/Train/Cowpox/HFMD_02_01.jpg", "FOLDS/fold1/Train/Zoster/1.jpg")
    found = read_source(root)
    assert _rows(found, "path", "label", "fold") == [("FOLDS/fold1/Train/Measles/MSL_01_01.jpg", "measles", None)]
    told = " ".join(_told(found, root))
    assert "the name of FOLDS/fold1/Train/Measles/MSL_01_01.jpg, and another content" in told
    assert "HFMD_02_01.jpg: it is HFMD by its name, and in the folder Cowpox; move it" in told
    assert "Zoster/1.jpg has the label 'Zoster', which layout msld_v2 does not know; known are chickenpox, chp" in told


def test_msid_is_known_by_its_file_names(root: Path, put: Put) -> None:
    for name in ("Chickenpox", "Measles", "Monkeypox", "Normal"):
        put(f"Monkeypox Skin Image Dataset/{name}/{name.lower()}1.png")
    found = read_source(root)
    assert (found.layout, found.licence, found.problems) == ("msid", "CC BY 4.0", ())
    assert _rows(found, "label", "patient", "licence") == [
        ("chickenpox", None, "CC BY 4.0"),
        ("measles", None, "CC BY 4.0"),
        ("mpox", None, "CC BY 4.0"),
        ("healthy", None, "CC BY 4.0"),
    ]
    put("Monkeypox Skin Image Dataset/Normal/IMG_2031.png")
    assert read_source(root).layout == "folders"  # somebody's own photographs get nobody else's licence


@pytest.mark.parametrize("mpox", ["Monkeypox", "mpox"])
def test_mcsi(root: Path, put: Put, mpox: str) -> None:
    put("MCSI/Acne/a.jpg", "MCSI/Chickenpox/b.jpg", f"MCSI/{mpox}/c.jpg", "MCSI/Normal/d.jpg")
    found = read_source(root)
    assert found.layout == "mcsi"
    assert {item.label for item in found.labelled} == {"acne", "chickenpox", "mpox", "healthy"}


def test_ahsan2022_leaves_out_augmented_and_grey_copies(root: Path, put: Put) -> None:
    put("Chickenpox/1.jfif", "Monkeypox/1.jfif", "Normal/1.jpg")
    put("Chickenpox_augmented/chicken_aug_0_2523.png", "Chickenpox_gray/chicken00.jpg")
    put("Chickenpox_gray_augmented/chicken_aug           1.jpg")
    found = read_source(root)
    assert found.layout == "ahsan2022"
    assert _rows(found, "path", "label") == [
        ("Chickenpox/1.jfif", "chickenpox"),
        ("Monkeypox/1.jfif", "mpox"),
        ("Normal/1.jpg", "healthy"),
    ]
    augmented, grey = _told(found, root)
    assert augmented.startswith("ROOT: 2 photos are left out (Chickenpox_augmented/")
    assert grey.startswith("ROOT: 1 photo is left out (Chickenpox_gray/chicken00.jpg): the originals without")


def test_scin_takes_the_heaviest_condition_and_the_case_as_patient(root: Path, put: Put) -> None:
    put(*[f"dataset/images/-{n}.png" for n in (1, 2, 3, 4)])
    (root / "dataset/scin_cases.csv").write_text(
        "case_id,fitzpatrick_skin_type,image_1_path,image_2_path,image_3_path\n"
        "77,FST5,dataset/images/-1.png,dataset/images/-2.png,\n"
        "78,NONE_SELECTED,dataset/images/-3.png,,\n"
        "79,FST1,dataset/images/-4.png,,\n"
        "80,FST1,dataset/images/-1.png,dataset/images/-5.png,\n"
        "81,FST1,dataset/images/-5.png,,\n"
    )
    (root / "dataset/scin_labels.csv").write_text(
        "case_id,weighted_skin_condition_label\n"
        "77,\"{'Psoriasis': 0.31, 'Herpes Zoster': 0.69}\"\n"
        "78,\"{'Varicella': 0.4, 'Eczema': 0.4, 'Acne': 0.2}\"\n"
        "79,{}\n"
        "80,{'Acne': 1}\n"
        "81,__import__('os')\n"
    )
    found = read_source(root)
    assert found.layout == "scin"
    assert _rows(found, "label", "published_label", "patient", "tone", "flags") == [
        ("herpes_zoster", "Herpes Zoster", "77", "5", ()),
        ("herpes_zoster", "Herpes Zoster", "77", "5", ()),
        ("chickenpox", "Varicella", "78", None, ("label_weight_below_half",)),
    ]
    told = _told(found, root)
    table = "ROOT/dataset/scin_cases.csv"
    assert told[0].startswith(f"{table}:5: dataset/images/-1.png stands in line 2 already, with other words")
    assert told[1].startswith(f"{table}:5: dataset/images/-5.png is not in ROOT")
    assert told[2].startswith(f"{table}:6: the labels of case 81 are no weights by condition")
    assert "1 photo is left out (dataset/images/-4.png): no dermatologist named a condition" in told[3]


def test_fitzpatrick17k_finds_photos_by_hash_in_any_folder(root: Path, put: Put) -> None:
    put("images/ab12.jpg", "images/cd34.jpg", "images/ef56.jpg")
    (root / "fitzpatrick17k.csv").write_text(
        "md5hash,fitzpatrick_scale,fitzpatrick_centaur,label,nine_partition_label,three_partition_label,qc,url\n"
        "ab12,3,3,acne vulgaris,inflammatory,non-neoplastic,1 Diagnostic,u\n"
        "cd34,-1,1,psoriasis,inflammatory,non-neoplastic,,u\n"
        "9999,2,2,psoriasis,inflammatory,non-neoplastic,,u\n"
    )
    found = read_source(root)
    assert found.layout == "fitzpatrick17k"
    assert _rows(found, "path", "label", "published_label", "patient", "tone", "flags") == [
        ("images/ab12.jpg", "acne", "acne vulgaris", None, "3", ("qc_1_diagnostic",)),
        ("images/cd34.jpg", "psoriasis", "psoriasis", None, None, ()),
    ]
    missing, silent = _told(found, root)
    assert missing.startswith("ROOT/fitzpatrick17k.csv:4: 9999.jpg is not in ROOT")
    assert "1 photo is left out (images/ef56.jpg)" in silent


def test_pad_ufes_20_gives_patients_and_tone(root: Path, put: Put) -> None:
    put("imgs_part_1/imgs_part_1/PAT_8_15_820.png", "imgs_part_2/PAT_9_16_1.png", "imgs_part_2/PAT_9_16_2.png")
    (root / "metadata.csv").write_text(
        "patient_id,lesion_id,fitspatrick,diagnostic,img_id\n"
        "PAT_8,15,3.0,NEV,PAT_8_15_820.png\n"
        "PAT_9,16,,ACK,PAT_9_16_1.png\n"
        "PAT_9,16,,XYZ,PAT_9_16_2.png\n"
    )
    found = read_source(root)
    assert found.layout == "pad_ufes_20"
    assert _rows(found, "path", "label", "patient", "tone") == [
        ("imgs_part_1/imgs_part_1/PAT_8_15_820.png", "nevus", "PAT_8", "3"),
        ("imgs_part_2/PAT_9_16_1.png", "actinic_keratosis", "PAT_9", None),
    ]
    (told,) = _told(found, root)
    assert told.startswith(
        "ROOT/metadata.csv:4: imgs_part_2/PAT_9_16_2.png has the label 'XYZ', which layout pad_ufes_20"
    )
    assert told.endswith("does not know; known are ack, bcc, mel, nev, scc, sek")


def test_ddi_gives_tone_in_bands(root: Path, put: Put) -> None:
    put("000001.png", "000002.png")
    (root / "ddi_metadata.csv").write_text(
        ",DDI_ID,DDI_file,skin_tone,malignant,disease\n"
        "0,1,000001.png,56,True,melanoma-in-situ\n"
        "1,2,000002.png,12,False,acne-cystic\n"
    )
    found = read_source(root)
    assert (found.layout, found.problems) == ("ddi", ())
    assert _rows(found, "label", "published_label", "patient", "tone") == [
        ("melanoma_in_situ", "melanoma-in-situ", None, "5-6"),
        ("acne_cystic", "acne-cystic", None, "1-2"),
    ]


@pytest.mark.parametrize("table", ["HAM10000_metadata.csv", "HAM10000_metadata", "HAM10000_metadata.tab"])
def test_ham10000_groups_by_lesion(root: Path, put: Put, table: str) -> None:
    put("HAM10000_images_part_1/ISIC_0027419.jpg", "HAM10000_images_part_2/ISIC_0025030.jpg")
    put("ham10000_images_part_1/ISIC_0027419.jpg")  # one public copy of the set holds every part twice
    lines = ["lesion_id,image_id,dx", "HAM_0000118,ISIC_0027419,bkl", "HAM_0000118,ISIC_0025030,akiec"]
    text = "\n".join(lines)
    (root / table).write_text(text.replace(",", "\t") if table.endswith("tab") else text)
    found = read_source(root)
    assert found.layout == "ham10000"
    assert _rows(found, "label", "patient", "flags") == [
        ("benign_keratosis", "HAM_0000118", ("dermatoscope",)),
        ("actinic_keratosis_or_bowen", "HAM_0000118", ("dermatoscope",)),
    ]
    assert len(found.problems) == 1  # the second copy


def test_a_table_without_its_column_is_refused(root: Path, put: Put) -> None:
    put("000001.png")
    (root / "ddi_metadata.csv").write_text("DDI_file,disease\n000001.png,acne\n")
    with pytest.raises(Exception, match=r"ddi_metadata\.csv: column skin_tone is missing; add it to the first line"):
        read_source(root)
